import type { CacheConfig } from '../cache/read-through.ts';
import type { CachePolicy } from './define-table.ts';

type Limits = Pick<
  CacheConfig<unknown>,
  'ttlMs' | 'staleMs' | 'negativeTtlMs' | 'memoryTtlMs' | 'maxEntries'
>;

/** A table's cache policy with every default filled in. */
export function cacheLimits(policy: CachePolicy, hasRedis: boolean): Limits {
  const { ttlMs, staleMs = 0, maxEntries = 10_000 } = policy;
  const second = Math.min(ttlMs, 1_000);
  return {
    ttlMs,
    staleMs,
    negativeTtlMs: policy.negativeTtlMs ?? second,
    memoryTtlMs: policy.memoryTtlMs ?? (hasRedis ? second : ttlMs),
    maxEntries,
  };
}
