export {
  type Cache,
  type CacheGetOptions,
  type CacheOptions,
  createCache,
} from './create-cache.ts';
export type { RedisClient } from './redis-client.ts';
