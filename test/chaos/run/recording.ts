import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Acknowledgement, History, Read, Write } from '../model/history.ts';
import type { Entry } from '../worker/recorder.ts';

/** How often a cache answered from where, over all processes. */
export interface Tally {
  memory: number;
  redis: number;
  miss: number;
  stale: number;
}

/** What all workers of a run wrote down. */
export interface Recording {
  readonly history: History;
  readonly tallies: ReadonlyMap<string, Tally>;
  /** Calls that threw. */
  readonly failures: readonly string[];
}

interface Begun extends Omit<Write, 'version' | 'acknowledged'> {
  readonly acknowledged: Map<string, Acknowledgement>;
}

/**
 * Puts the files of the workers together.
 *
 * @param committed which version each write made that the source committed
 */
export async function readRecording(
  folder: string,
  committed: ReadonlyMap<string, number>,
): Promise<Recording> {
  const writes = new Map<string, Begun>();
  const reads: Read[] = [];
  const failures: string[] = [];
  const tallies = new Map<string, Tally>();
  for (const file of await readdir(folder)) {
    const process = file.replace(/\.jsonl$/, '');
    const newest = new Map<string, Tally>();
    for (const entry of entriesOf(await readFile(join(folder, file), 'utf8'))) {
      if (entry.is === 'read') {
        const { cache, key, begun, ended, version } = entry;
        reads.push({ process, cache, key, begun, ended, version });
      } else if (entry.is === 'begun') {
        const { id, key, absent, at } = entry;
        writes.set(id, { process, key, isAbsent: absent, begun: at, acknowledged: new Map() });
      } else if (entry.is === 'told') {
        const { at, outcome } = entry;
        writes.get(entry.id)?.acknowledged.set(entry.cache, { at, outcome });
      } else if (entry.is === 'failed') {
        failures.push(`${process}, ${entry.cache}: ${entry.message}`);
      } else newest.set(entry.cache, entry);
    }
    for (const [cache, tally] of newest) add(tallies, cache, tally);
  }
  return { history: { writes: versioned(writes, committed), reads }, tallies, failures };
}

function entriesOf(text: string): Entry[] {
  const lines = text.split('\n');
  // Nothing follows the last line's end, or half a line of a process that was killed.
  lines.pop();
  return lines.map((line) => JSON.parse(line));
}

function versioned(begun: Map<string, Begun>, committed: ReadonlyMap<string, number>): Write[] {
  for (const id of committed.keys()) {
    if (!begun.has(id)) throw new Error(`${id} was committed, but nobody had begun it`);
  }
  return [...begun].flatMap(([id, write]) => {
    const version = committed.get(id);
    return version === undefined ? [] : [{ ...write, version }];
  });
}

function add(tallies: Map<string, Tally>, cache: string, more: Tally): void {
  const sum = tallies.get(cache) ?? { memory: 0, redis: 0, miss: 0, stale: 0 };
  tallies.set(cache, {
    memory: sum.memory + more.memory,
    redis: sum.redis + more.redis,
    miss: sum.miss + more.miss,
    stale: sum.stale + more.stale,
  });
}
