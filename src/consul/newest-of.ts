import type { ConsulAgent } from './agent.ts';
import { type QueryConfig, type Reading, readings } from './blocking-query.ts';

/**
 * The newest reading of each path, whenever one has changed, once there is one of each. A failure of one ends the
 * others.
 */
export async function* newestOf(
  agent: ConsulAgent,
  queries: readonly QueryConfig[],
  signal: AbortSignal,
): AsyncGenerator<readonly Reading[]> {
  const ending = new AbortController();
  const either = AbortSignal.any([signal, ending.signal]);
  const waiting = queries.map((query, at) => {
    const values = readings(agent, query, either);
    const next = () => {
      const reading = values.next().then(({ value }) => ({ at, value, next }));
      // It may fail while nobody waits for it: whoever waits next is told.
      reading.catch(() => undefined);
      return reading;
    };
    return next();
  });
  const newest = new Map<number, Reading>();
  try {
    for (;;) {
      const { at, value, next } = await Promise.race(waiting);
      if (value === undefined) return;
      waiting[at] = next();
      newest.set(at, value);
      const all = queries.flatMap((_, one) => newest.get(one) ?? []);
      if (all.length === queries.length) yield all;
    }
  } finally {
    ending.abort();
    await Promise.allSettled(waiting);
  }
}
