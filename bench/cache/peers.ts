import {
  asyncCacheDedupe,
  bentocache,
  bentocacheMemory,
  bentocacheRedis,
  cacheable,
  ioredis,
  keyvRedis,
  layeredLoader,
  type RedisClient,
  type RedisOptions,
} from './peer-modules.ts';
import { maxEntries, type Rival, type Setup, ttlMs } from './rival.ts';

/** With autopipelining, which makes ioredis and all that use it half as fast again. */
export function openIoredis(url: string, commandTimeoutMs?: number): RedisClient {
  const client = new Quiet(url, {
    enableAutoPipelining: true,
    ...(commandTimeoutMs !== undefined && { commandTimeout: commandTimeoutMs }),
  });
  client.on('error', connectsAgainByItself);
  return client;
}

/** Libraries that duplicate a client leave the copies without a listener, and ioredis prints errors. */
class Quiet extends ioredis.Redis {
  override duplicate(options?: RedisOptions): RedisClient {
    const copy = super.duplicate(options);
    copy.on('error', connectsAgainByItself);
    return copy;
  }
}

function connectsAgainByItself(): void {}

/** The clients of one cache. */
class Clients {
  readonly #open: RedisClient[] = [];
  readonly #setup: Setup;

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  one(url: string): RedisClient {
    const client = openIoredis(url, this.#setup.commandTimeoutMs);
    this.#open.push(client);
    return client;
  }

  disconnect(): void {
    for (const client of this.#open) client.disconnect();
  }
}

const bento: Rival = {
  name: 'bentocache',
  hearsOthers: true,
  open(setup, load) {
    const { redis, memory, namespace } = setup;
    const clients = new Clients(setup);
    const breaks = setup.commandTimeoutMs !== undefined;
    let store = bentocache.bentostore(breaks ? { l2CircuitBreakerDuration: 1_000 } : {});
    if (memory) {
      store = store.useL1Layer(bentocacheMemory.memoryDriver({ maxItems: maxEntries }));
    }
    if (redis !== false) {
      const connection = clients.one(redis);
      store = store.useL2Layer(bentocacheRedis.redisDriver({ connection, prefix: namespace }));
      if (memory) {
        store = store.useBus(bentocacheRedis.redisBusDriver({ connection }));
      }
    }
    const cache = new bentocache.BentoCache({
      default: 'rows',
      ttl: ttlMs,
      stores: { rows: store },
    });
    return {
      get: (key) => cache.getOrSet({ key, factory: () => load(key) }),
      forget: (key) => cache.delete({ key }),
      close: () => cache.disconnectAll(),
    };
  },
};

const dedupe: Rival = {
  name: 'async-cache-dedupe',
  hearsOthers: false,
  open(setup, load) {
    const clients = new Clients(setup);
    const { redis, namespace } = setup;
    const cache = asyncCacheDedupe
      .createCache({
        ttl: ttlMs / 1_000,
        storage:
          redis === false
            ? { type: 'memory', options: { size: maxEntries } }
            : { type: 'redis', options: { client: clients.one(redis) } },
      })
      .define(namespace, load);
    const read = cache[namespace];
    if (read === undefined) throw new Error('async-cache-dedupe did not define the function');
    return {
      get: (key) => read(key),
      forget: (key) => cache.clear(namespace, key),
      close: async () => clients.disconnect(),
    };
  },
};

const twoStores: Rival = {
  name: 'cacheable',
  hearsOthers: false,
  open({ redis, memory, namespace }, load) {
    const store = redis === false ? undefined : keyvRedis.createKeyv(redis);
    store?.on('error', connectsAgainByItself);
    const cache = new cacheable.Cacheable({
      ttl: ttlMs,
      ...(store && (memory ? { secondary: store } : { primary: store })),
    });
    cache.on('error', connectsAgainByItself);
    return {
      get: (key) => cache.getOrSet(`${namespace}:${key}`, () => load(key)),
      forget: (key) => cache.delete(`${namespace}:${key}`),
      close: () => cache.disconnect(),
    };
  },
};

const layered: Rival = {
  name: 'layered-loader',
  hearsOthers: true,
  open(setup, load) {
    const { redis, memory, namespace } = setup;
    const clients = new Clients(setup);
    const { RedisCache, Loader, createNotificationPair } = layeredLoader;
    const pair =
      redis !== false && memory
        ? createNotificationPair({
            channel: `${namespace}-notices`,
            publisherRedis: clients.one(redis),
            consumerRedis: clients.one(redis),
          })
        : undefined;
    const loader = new Loader({
      inMemoryCache: memory && { ttlInMsecs: ttlMs, maxItems: maxEntries },
      ...(redis !== false && {
        asyncCache: new RedisCache(clients.one(redis), {
          json: true,
          prefix: namespace,
          ttlInMsecs: ttlMs,
          ...(setup.commandTimeoutMs !== undefined && { timeoutInMsecs: setup.commandTimeoutMs }),
        }),
      }),
      ...(pair && { notificationConsumer: pair.consumer, notificationPublisher: pair.publisher }),
      dataSourceGetOneFn: load,
      // What it logs are the failures that are measured here.
      logger: { error: () => undefined },
    });
    return {
      get: (key) => loader.get(key),
      forget: (key) => loader.invalidateCacheFor(key),
      close: async () => clients.disconnect(),
    };
  },
};

export const peers: readonly Rival[] = [bento, dedupe, twoStores, layered];
