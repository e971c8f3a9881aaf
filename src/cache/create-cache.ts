import { checkCallOptions } from '../config/call-options.ts';
import { atOnce } from '../errors/at-once.ts';
import { ClosedError } from '../errors/call-error.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import { fanOut } from '../observability/fan-out.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import { within } from '../resilience/time/within.ts';
import { Certificates } from '../tls/certificates.ts';
import type { CacheCall } from './cache-call.ts';
import {
  type CacheOptions,
  callBounds,
  checkCacheOptions,
  checkNumbers,
  freshnessOf,
} from './cache-options.ts';
import type { Freshness } from './freshness.ts';
import type { HotKey } from './hot-keys.ts';
import type { LoadMany } from './loads/leased-loads.ts';
import { LoadRoom } from './loads/load-room.ts';
import { handOut } from './memory/memory-store.ts';
import { ReadThrough } from './read-through.ts';
import { digitsOf } from './redis/entry-text.ts';
import { RedisRegions } from './redis/redis-regions.ts';

/**
 * How long a read may take, and how old its value may be.
 *
 * @example
 * await prices.get('EUR', fetchPrice, { maxAgeMs: 1_000, timeoutMs: 200 });
 */
export interface CacheGetOptions {
  signal?: AbortSignal;
  /** Milliseconds this caller waits. Default: as long as the load takes. */
  timeoutMs?: number;
  /** Milliseconds: a value that was loaded longer ago is loaded anew. Default: as old as it is fresh. */
  maxAgeMs?: number;
  /** Milliseconds that what this call loads is served, here and by others. Default: the cache's. */
  ttlMs?: number;
  /** The same, for "there is none". */
  negativeTtlMs?: number;
}

/**
 * What a loader is told.
 *
 * @see {@link Cache}
 */
export interface LoaderCall {
  /** Fires when nobody waits for the value any more, or the load's time is over. */
  readonly signal: AbortSignal;
}

/**
 * A read-through cache in front of any source.
 *
 * @example
 * const price = await prices.get('EUR', ({ signal }) => fetchPrice({ signal }));
 * await prices.invalidate('EUR');
 * await prices.close();
 */
export interface Cache<V> {
  /**
   * The value of a key: from memory, from Redis, or loaded by one process for all that ask meanwhile.
   * Values are deep-frozen copies; Dates, Maps and bytes in them are copied for each caller. What no
   * tier could give back as it is, an instance of a class say, is handed out and not kept. A loader runs
   * in the async context of the caller who began the load, and says with `null` that there is none.
   *
   * @throws what `load` throws, to all who waited for it; `OverloadError` when too many loads
   * wait, `TimeoutError` when the time of the load or of this caller is over.
   */
  get(
    key: string,
    load: (call: LoaderCall) => Promise<V | null>,
    options?: CacheGetOptions,
  ): Promise<V | null>;
  /**
   * Many values, in the order of `keys`; `loadMany` is asked once, for those that lack.
   *
   * @throws as `get`; `LoaderError` when `loadMany` answers with another number of values.
   */
  getMany(
    keys: readonly string[],
    loadMany: (keys: readonly string[], call: LoaderCall) => Promise<readonly (V | null)[]>,
    options?: CacheGetOptions,
  ): Promise<(V | null)[]>;
  /** The value in memory, `null` when it is known to be absent, else undefined. No I/O. */
  peek(key: string): V | null | undefined;
  /**
   * Forgets keys, here and wherever they are cached. A load under way is not stored, and later gets do
   * not join it. `pending` when Redis did not confirm: it is tried again, and this process does not
   * believe Redis about these keys meanwhile.
   */
  invalidate(...keys: string[]): Promise<'done' | 'pending'>;
  /** The keys that take more than a hundredth of the reads, the hottest first; found by sampling. */
  hotKeys(): HotKey[];
  /**
   * Resolves once Redis is used, with false when it is not within `timeoutMs` (default 5,000). Nothing
   * has to wait for it: a cache serves from the source meanwhile.
   */
  ready(options?: { readonly timeoutMs?: number }): Promise<boolean>;
  /**
   * Ends loads that run with a {@link ClosedError}, stops the retries after a last attempt at what Redis was not
   * told, and closes the connections. Afterwards nothing is loaded.
   */
  close(): Promise<void>;
}

/**
 * Makes a read-through cache of two tiers, memory and Redis. Does not wait for Redis.
 *
 * What it promises is one table in `docs/guides/cache.md`.
 *
 * @throws {ConfigError} naming every option that is out of range.
 *
 * @example
 * const prices = createCache<number>({ redis: 'redis://cache.example', namespace: 'prices:v1', ttlMs: 5_000 });
 * const price = await prices.get('EUR', ({ signal }) => fetchPrice({ signal }));
 */
export function createCache<V = unknown>(options: CacheOptions<V>): Cache<V> {
  checkCacheOptions(options);
  const observe = fanOut(options.observer === undefined ? [] : [options.observer]);
  const { redis, namespace, version, decode, maxGapMs = 1_000, loadTimeoutMs = 10_000 } = options;
  const { commandTimeoutMs = 100, leaseMs = 2_000, maxEntryBytes = 1_000_000 } = options;
  const limits = {
    commandTimeoutMs,
    farTimeoutMs: commandTimeoutMs,
    maxGapMs,
    leaseMs,
    maxEntryBytes,
    maxPendingInvalidations: options.maxPendingInvalidations ?? 100_000,
  };
  const certificates = new Certificates(options.tls ?? {}, 'tls', ({ message }) =>
    observe({ type: 'cache-fault', operation: 'connection', message }),
  );
  const regions = new RedisRegions(redis, { region: undefined, certificates, ...limits }, observe);
  const { maxEntries = 10_000, maxBytes = 64 * 1_024 * 1_024 } = options;
  const readThrough = new ReadThrough<V>(
    {
      name: namespace,
      namespace,
      schema: encodeURIComponent(options.schema ?? ''),
      // Without `decode` the namespace is the user's word that only this cache writes there.
      decode: decode ? (value) => atOnce(decode(value), 'decode') : (value) => value as V,
      // What an application's function gives, the application may hold as well.
      ownsLoaded: false,
      ownsDecoded: decode === undefined,
      versionOf: version && ((value) => digitsOf(atOnce(version(value), 'version'))),
      compressOverBytes: options.compressOverBytes ?? Number.POSITIVE_INFINITY,
      markMs: 0,
      freshness: freshnessOf(options),
      memory: options.memory === false ? undefined : { maxEntries, maxBytes },
      errorTtlMs: options.errorTtlMs ?? 0,
      refreshTimeoutMs: loadTimeoutMs,
      shadowRate: options.shadowRate ?? 0,
    },
    regions.stores,
    observe,
  );
  const { loadConcurrency: concurrency = 64, loadQueue: queue = 1_000 } = options;
  const room = new LoadRoom({ concurrency, queue });

  /** What waits now, and would keep the process alive for as long as it has time. */
  const waiting = new Set<Deadline>();
  let isClosed = false;
  const closed = () => new ClosedError('The cache was closed before this ended.');
  async function untilClosed<T>(deadline: Deadline, work: () => Promise<T>): Promise<T> {
    if (isClosed) throw closed();
    waiting.add(deadline);
    try {
      return await work();
    } finally {
      waiting.delete(deadline);
    }
  }

  /** A loader, one of a few that run at once, for a limited time. */
  function gated(
    load: (keys: readonly string[], call: LoaderCall) => Promise<readonly (V | null)[]>,
  ): LoadMany<V> {
    return (keys, { deadline }) =>
      room.run(
        () =>
          within(loadTimeoutMs, deadline, (own) =>
            untilClosed(own, () => own.race(load(keys, own))),
          ),
        deadline,
      );
  }

  /** Runs a read as one caller asks for it. */
  async function asked<T>(
    options: CacheGetOptions,
    read: (call: CacheCall) => Promise<T>,
  ): Promise<T> {
    checkCallOptions(options, callOptions);
    const { timeoutMs, signal, maxAgeMs } = options;
    const call: CacheCall = { maxAgeMs, freshness: lifeAsked(options) };
    if (timeoutMs === undefined && signal === undefined) return read(call);
    const deadline = new Deadline(timeoutMs ?? Number.POSITIVE_INFINITY, signal);
    try {
      return await read({ ...call, deadline });
    } finally {
      deadline.end();
    }
  }

  function getOne(
    key: string,
    load: (call: LoaderCall) => Promise<V | null>,
    options: CacheGetOptions | undefined,
  ): Promise<V | null> {
    const loader = () => gated(async (_, call) => [await load(call)]);
    return options === undefined
      ? readThrough.get(key, loader)
      : asked(options, (call) => readThrough.get(key, loader, call));
  }

  return {
    get(key, load, options) {
      const entry = options === undefined ? readThrough.hit(key) : undefined;
      return entry === undefined ? getOne(key, load, options) : Promise.resolve(handOut(entry));
    },
    getMany: (keys, loadMany, options = {}) =>
      asked(options, (call) => readThrough.getMany(keys, gated(loadMany), call)),
    peek(key) {
      const entry = readThrough.peek(key);
      return entry === undefined ? undefined : handOut(entry);
    },
    invalidate: (...keys) => readThrough.invalidate(keys),
    hotKeys: () => readThrough.hottest,
    async ready(options = {}) {
      checkCallOptions(options, readyOptions);
      const { timeoutMs = 5_000 } = options;
      const patience = new Deadline(timeoutMs);
      try {
        return await untilClosed(
          patience,
          async () => (await regions.stores?.own.ready(patience)) ?? true,
        );
      } finally {
        patience.end();
      }
    },
    async close() {
      isClosed = true;
      for (const deadline of waiting) deadline.cancel(closed());
      await readThrough.close();
      regions.close();
    },
  };
}

const readyOptions = new Set(['timeoutMs']);
const callOptions = new Set(['signal', 'timeoutMs', ...Object.keys(callBounds)]);

/** The life that one call asks for. @throws {ConfigError} when it is out of range. */
function lifeAsked(options: CacheGetOptions): Partial<Freshness> {
  const problems: Problem[] = [];
  checkNumbers(options, callBounds, [], problems);
  if (problems.length > 0) throw new ConfigError('Bad call options', problems);
  const { ttlMs, negativeTtlMs } = options;
  return {
    ...(ttlMs === undefined ? {} : { ttlMs }),
    ...(negativeTtlMs === undefined ? {} : { negativeTtlMs }),
  };
}
