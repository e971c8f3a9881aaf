import { createRequire } from 'node:module';
import type { Row } from './rival.ts';

/** What the comparison uses of the libraries in bench/peers, which the project does not depend on. */

export interface RedisClient {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<unknown>;
  on(event: 'error', listener: () => void): unknown;
  disconnect(): void;
  duplicate(options?: RedisOptions): RedisClient;
}

export interface RedisOptions {
  readonly enableAutoPipelining?: boolean;
  readonly commandTimeout?: number;
}

interface Ioredis {
  Redis: new (url: string, options: RedisOptions) => RedisClient;
}

interface LruCache {
  LRUCache: new <V extends object>(options: {
    max: number;
    ttl?: number;
  }) => {
    get(key: string): V | undefined;
    set(key: string, value: V): unknown;
  };
}

interface BentoStore {
  useL1Layer(driver: object): BentoStore;
  useL2Layer(driver: object): BentoStore;
  useBus(driver: object): BentoStore;
}

interface Bentocache {
  bentostore(options?: { l2CircuitBreakerDuration?: number }): BentoStore;
  BentoCache: new (options: {
    default: 'rows';
    ttl: number;
    stores: { rows: BentoStore };
  }) => {
    getOrSet(options: { key: string; factory: () => Promise<Row> }): Promise<Row>;
    delete(options: { key: string }): Promise<unknown>;
    disconnectAll(): Promise<unknown>;
  };
}

interface BentocacheMemory {
  memoryDriver(options: { maxItems: number }): object;
}

interface BentocacheRedis {
  redisDriver(options: { connection: RedisClient; prefix: string }): object;
  redisBusDriver(options: { connection: RedisClient }): object;
}

interface AsyncCacheDedupe {
  createCache(options: {
    ttl: number;
    storage:
      | { type: 'memory'; options: { size: number } }
      | { type: 'redis'; options: { client: RedisClient } };
  }): {
    define(
      name: string,
      load: (key: string) => Promise<Row>,
    ): Record<string, (key: string) => Promise<Row>> & {
      clear(name: string, key: string): Promise<void>;
    };
  };
}

interface CacheableModule {
  Cacheable: new (options: {
    ttl: number;
    primary?: object;
    secondary?: object;
  }) => {
    getOrSet(key: string, load: () => Promise<Row>): Promise<Row | undefined>;
    delete(key: string): Promise<unknown>;
    disconnect(): Promise<void>;
    on(event: 'error', listener: () => void): unknown;
  };
}

interface KeyvRedis {
  createKeyv(url: string): { on(event: 'error', listener: () => void): unknown };
}

interface LayeredLoader {
  RedisCache: new (
    redis: RedisClient,
    options: { json: true; prefix: string; ttlInMsecs: number; timeoutInMsecs?: number },
  ) => object;
  createNotificationPair(options: {
    channel: string;
    publisherRedis: RedisClient;
    consumerRedis: RedisClient;
  }): { publisher: object; consumer: object };
  Loader: new (options: {
    inMemoryCache: { ttlInMsecs: number; maxItems: number } | false;
    asyncCache?: object;
    notificationConsumer?: object;
    notificationPublisher?: object;
    dataSourceGetOneFn: (key: string) => Promise<Row>;
    logger: { error(): void };
  }) => {
    get(key: string): Promise<Row | null | undefined>;
    invalidateCacheFor(key: string): Promise<void>;
  };
}

const require = createRequire(new URL('../peers/package.json', import.meta.url));

export const ioredis: Ioredis = require('ioredis');
export const lruCache: LruCache = require('lru-cache');
export const asyncCacheDedupe: AsyncCacheDedupe = require('async-cache-dedupe');
export const cacheable: CacheableModule = require('cacheable');
export const keyvRedis: KeyvRedis = require('@keyv/redis');
export const layeredLoader: LayeredLoader = require('layered-loader');
export const bentocache: Bentocache = await import(require.resolve('bentocache'));
export const bentocacheMemory: BentocacheMemory = await import(
  require.resolve('bentocache/drivers/memory')
);
export const bentocacheRedis: BentocacheRedis = await import(
  require.resolve('bentocache/drivers/redis')
);
