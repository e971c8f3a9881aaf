import type { Contract, History, Read, Write } from './history.ts';
import { KeyTimeline } from './key-timeline.ts';

/** A read that returned what its cache's contract forbids. */
export interface Violation {
  /** `stale`: older than promised. `unwritten`: nobody had begun to write that. */
  readonly kind: 'stale' | 'unwritten';
  readonly read: Read;
  /** Stale: the version that it had to see, or a newer one. */
  readonly floor: number;
  /** The write of that version. */
  readonly missed: Write | undefined;
  /** Stale: milliseconds between the acknowledgement of that write and the read's begin. */
  readonly lateMs: number;
}

/**
 * Finds the reads that break the contract: each must return a version no older than the newest write
 * that was acknowledged long enough before it began, and one that had begun to be written before it
 * ended. O(n log n) for n operations.
 *
 * Source: the register model of Jepsen's checkers, with a bound on staleness (P. Bailis et al.,
 * "Probabilistically Bounded Staleness", VLDB 2012) in place of linearizability.
 */
export function check({ writes, reads }: History, contract: Contract): Violation[] {
  const timelines = timelinesOf(writes);
  const violations: Violation[] = [];
  for (const read of reads) {
    const bounds = contract.get(read.cache);
    if (bounds === undefined) throw new Error(`the contract says nothing of ${read.cache}`);
    const timeline = timelines.get(read.key) ?? new KeyTimeline([]);
    const floor = timeline.floor(read, bounds);
    const missed = timeline.write(floor);
    const acknowledged = missed?.acknowledged.get(read.cache)?.at ?? read.begun;
    const found = { read, floor, missed, lateMs: (read.begun - acknowledged) / 1_000 };
    if (!timeline.hadBegun(read)) violations.push({ kind: 'unwritten', ...found });
    else if (timeline.seen(read) < floor) violations.push({ kind: 'stale', ...found });
  }
  return violations;
}

function timelinesOf(writes: readonly Write[]): Map<string, KeyTimeline> {
  const byKey = new Map<string, Write[]>();
  for (const write of writes) {
    const same = byKey.get(write.key);
    if (same === undefined) byKey.set(write.key, [write]);
    else same.push(write);
  }
  return new Map([...byKey].map(([key, own]) => [key, new KeyTimeline(own)]));
}
