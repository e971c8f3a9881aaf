import { didYouMean } from '../config/did-you-mean.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import type { Observer } from '../observability/events.ts';
import { fanOut } from '../observability/fan-out.ts';
import { Deadline } from '../resilience/deadline.ts';
import { handOut } from './memory-store.ts';
import { type LoadMany, ReadThrough } from './read-through.ts';
import { openRedis, type RedisClient } from './redis-client.ts';
import { RedisStore } from './redis-store.ts';

export interface CacheOptions<V> {
  /** A URL, an ioredis client of yours (which `close` leaves open), or `false`: memory only. */
  redis: string | RedisClient | false;
  /** Separates this cache's keys in Redis from every other's. */
  namespace: string;
  /** Milliseconds a value is served without asking its source. */
  ttlMs: number;
  /** Milliseconds past `ttlMs` in which the old value is served while a new one loads. Default 0. */
  staleMs?: number;
  /** Milliseconds that "there is none" is served. Default: the smaller of `ttlMs` and 1,000. */
  negativeTtlMs?: number;
  /**
   * Milliseconds this process serves from memory without asking Redis; so long may it miss another
   * process's invalidation. Default: the smaller of `ttlMs` and 1,000; `ttlMs` without Redis.
   */
  memoryTtlMs?: number;
  /** Entries in memory; the least recently used leave first. Default 10,000. */
  maxEntries?: number;
  /** Milliseconds a Redis command may take before the cache goes on without it. Default 100. */
  commandTimeoutMs?: number;
  /** Checks what another process stored; undefined makes it a miss. Default: it is believed. */
  decode?: (value: unknown) => V | undefined;
  observer?: Observer;
}

export interface CacheGetOptions {
  signal?: AbortSignal;
  /** Milliseconds this caller waits. Default: as long as the load takes. */
  timeoutMs?: number;
}

/** A read-through cache in front of any source. */
export interface Cache<V> {
  /**
   * The value of a key: from memory, from Redis, or loaded once for all who ask meanwhile. Values
   * are deep-frozen; Dates, Maps and bytes in them are copied for each caller.
   */
  get(
    key: string,
    load: (call: { readonly signal: AbortSignal }) => Promise<V | null>,
    options?: CacheGetOptions,
  ): Promise<V | null>;
  /** Many values, in the order of `keys`; `loadMany` is asked once, for those that lack. */
  getMany(
    keys: readonly string[],
    loadMany: (
      keys: readonly string[],
      call: { readonly signal: AbortSignal },
    ) => Promise<readonly (V | null)[]>,
    options?: CacheGetOptions,
  ): Promise<(V | null)[]>;
  /** The value in memory, `null` when it is known to be absent, else undefined. No I/O. */
  peek(key: string): V | null | undefined;
  /**
   * Forgets keys. A load under way is not stored, and later gets do not join it. `pending` when
   * Redis did not confirm: it is tried again, and this process does not believe Redis meanwhile.
   */
  invalidate(...keys: string[]): Promise<'done' | 'pending'>;
  /** Stops the retries and closes a connection that the cache opened. */
  close(): Promise<void>;
}

/**
 * Makes a read-through cache of two tiers, memory and Redis.
 *
 * @throws {ConfigError} naming every option that is out of range.
 */
export function createCache<V = unknown>(options: CacheOptions<V>): Cache<V> {
  checkOptions(options);
  const observe = fanOut(options.observer === undefined ? [] : [options.observer]);
  const { redis, ttlMs, commandTimeoutMs = 100 } = options;
  const client =
    typeof redis === 'string'
      ? openRedis(redis, ({ message }) =>
          observe({ type: 'cache-fault', operation: 'connection', message }),
        )
      : redis;
  const store = client
    ? new RedisStore(client, { name: 'redis', commandTimeoutMs, leaseMs: 10_000 }, observe)
    : undefined;
  const readThrough = new ReadThrough<V>(
    {
      name: options.namespace,
      namespace: options.namespace,
      schema: '',
      // Without `decode` the namespace is the user's word that only this cache writes there.
      decode: options.decode ?? ((value) => value as V),
      ttlMs,
      staleMs: options.staleMs ?? 0,
      negativeTtlMs: options.negativeTtlMs ?? Math.min(ttlMs, 1_000),
      memoryTtlMs: options.memoryTtlMs ?? (client ? Math.min(ttlMs, 1_000) : ttlMs),
      maxEntries: options.maxEntries ?? 10_000,
    },
    store && { own: store, others: [] },
    observe,
  );

  async function getMany(keys: readonly string[], load: LoadMany<V>, call: CacheGetOptions) {
    if (call.timeoutMs === undefined && call.signal === undefined) {
      return readThrough.getMany(keys, load, undefined);
    }
    const deadline = new Deadline(call.timeoutMs ?? Number.POSITIVE_INFINITY, call.signal);
    try {
      return await readThrough.getMany(keys, load, deadline);
    } finally {
      deadline.end();
    }
  }

  return {
    get(key, load, call = {}) {
      const entry = readThrough.peek(key);
      if (entry !== undefined) return Promise.resolve(handOut(entry));
      return getMany([key], async (_, deadline) => [await load(deadline)], call).then(
        ([value]) => value ?? null,
      );
    },
    getMany: (keys, loadMany, call = {}) =>
      getMany(keys, (missing, deadline) => loadMany(missing, deadline), call),
    peek(key) {
      const entry = readThrough.peek(key);
      return entry === undefined ? undefined : handOut(entry);
    },
    invalidate: (...keys) => readThrough.invalidate(keys),
    async close() {
      await readThrough.close();
      if (client && typeof redis === 'string') client.disconnect();
    },
  };
}

function checkOptions<V>(options: CacheOptions<V>): void {
  const problems: Problem[] = [];
  if (options.redis === undefined || options.redis === null) {
    problems.push({
      path: 'redis',
      message: 'must be a URL, an ioredis client, or false for none',
    });
  }
  if (typeof options.namespace !== 'string' || options.namespace === '') {
    problems.push({ path: 'namespace', message: 'must be a name' });
  }
  const least = {
    ttlMs: 1,
    staleMs: 0,
    negativeTtlMs: 0,
    memoryTtlMs: 0,
    maxEntries: 1,
    commandTimeoutMs: 1,
  };
  const known = [...Object.keys(least), 'redis', 'namespace', 'decode', 'observer'];
  for (const path of Object.keys(options)) {
    if (known.includes(path)) continue;
    problems.push({ path, message: `unknown key${didYouMean(path, known)}` });
  }
  for (const [path, minimum] of Object.entries(least)) {
    const value: unknown = Reflect.get(options, path);
    const given = path === 'ttlMs' || value !== undefined;
    if (!given || (typeof value === 'number' && Number.isFinite(value) && value >= minimum))
      continue;
    problems.push({ path, message: `must be a number of at least ${minimum}` });
  }
  if (problems.length > 0) throw new ConfigError('Bad cache options', problems);
}
