export type { CacheOptions, FreshnessOptions } from './cache-options.ts';
export { type CacheReport, type CacheStats, cacheStats } from './cache-stats.ts';
export type { Cache, CacheGetOptions, LoaderCall } from './cache-types.ts';
export { createCache } from './create-cache.ts';
export type { HotKey } from './hot-keys.ts';
export type { RedisClient, RedisCluster, RedisNode } from './redis/links/redis-client.ts';
