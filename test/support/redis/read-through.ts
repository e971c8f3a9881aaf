import type { CacheConfig } from '../../../src/cache/read-through.ts';

/** A cache's settings where a test has no wish. */
export const cacheConfig = {
  name: 'test',
  namespace: 'test',
  schema: '',
  compressOverBytes: Number.POSITIVE_INFINITY,
  markMs: 0,
  freshness: { ttlMs: 60_000, staleMs: 0, staleIfErrorMs: 0, negativeTtlMs: 60_000, jitter: 0 },
  memory: { maxEntries: 1_000, maxBytes: 1_000_000 },
  errorTtlMs: 0,
  refreshTimeoutMs: 1_000,
  shadowRate: 0,
  ownsLoaded: true,
  ownsDecoded: true,
} satisfies Omit<CacheConfig<unknown>, 'decode'>;
