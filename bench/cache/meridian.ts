import { type Cache, createCache } from 'meridian/cache';
import { type Load, maxEntries, type Rival, type Row, type Setup, ttlMs } from './rival.ts';

/** The default, named because measurements wait for it. */
export const maxGapMs = 1_000;

export function openMeridian(setup: Setup): Cache<Row> {
  const { namespace, redis, memory, commandTimeoutMs, loadConcurrency, leaseMs } = setup;
  return createCache<Row>({
    namespace,
    redis,
    memory,
    ttlMs,
    maxEntries,
    maxGapMs,
    ...(commandTimeoutMs !== undefined && { commandTimeoutMs }),
    ...(loadConcurrency !== undefined && { loadConcurrency }),
    ...(leaseMs !== undefined && { leaseMs }),
  });
}

export const meridian: Rival = {
  name: 'meridian',
  hearsOthers: true,
  open(setup, load: Load) {
    const cache = openMeridian(setup);
    return {
      get: (key) => cache.get(key, () => load(key)),
      forget: (key) => cache.invalidate(key),
      close: () => cache.close(),
    };
  },
};
