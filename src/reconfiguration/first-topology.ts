import { AbortedError } from '../errors/call-error.ts';
import { ConfigError } from '../errors/config-error.ts';
import { UnavailableError } from '../errors/database-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { TopologySource } from '../topology/sources/topology-source.ts';
import { readLastGood } from './last-good.ts';
import type { FirstTopology } from './topology-follower.ts';

/**
 * The document to start on: the source's, or where that can't be had, the one that was in force last.
 *
 * @throws what the source throws, an UnavailableError where that is no error of Meridian's.
 */
export async function loadFirst(
  source: TopologySource,
  lastGood: string | undefined,
  deadline: Deadline,
): Promise<FirstTopology> {
  const loading = new AbortController();
  const stopListening = deadline.onCancel((reason) => loading.abort(reason));
  try {
    return { document: await deadline.race(source.load(loading.signal)), from: 'source' };
  } catch (error) {
    if (error instanceof AbortedError) throw error;
    const kept = lastGood === undefined ? undefined : await readKept(lastGood);
    if (kept !== undefined) return { document: beforeAnyRevision(kept), from: 'last-good' };
    if (isMeridianError(error)) throw error;
    throw new UnavailableError(
      `The topology can not be had from ${source.name}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  } finally {
    stopListening();
  }
}

/** Revisions were counted by the process that kept it; a source that counts anew may begin with a smaller one. */
function beforeAnyRevision(document: unknown): unknown {
  if (typeof document !== 'object' || document === null || !('revision' in document))
    return document;
  return { ...document, revision: 0 };
}

async function readKept(path: string): Promise<unknown> {
  try {
    return await readLastGood(path);
  } catch (error) {
    const message = `can not be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new ConfigError('Bad topology', [{ path, message }], { cause: error });
  }
}
