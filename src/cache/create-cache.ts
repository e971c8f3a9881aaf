import { checkCallOptions } from '../config/call-options.ts';
import { atOnce } from '../errors/at-once.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import { type FanOut, fanOut } from '../observability/fan-out.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import { Certificates } from '../tls/certificates.ts';
import type { CacheCall } from './cache-call.ts';
import {
  type CacheOptions,
  callBounds,
  checkCacheOptions,
  checkNumbers,
  freshnessOf,
} from './cache-options.ts';
import type { Cache, CacheGetOptions, LoaderCall } from './cache-types.ts';
import type { Freshness } from './freshness.ts';
import { BoundedLoads, defaultLoadTimeoutMs } from './loads/bounded-loads.ts';
import { handOut } from './memory/memory-store.ts';
import { ReadThrough } from './read-through.ts';
import { digitsOf } from './redis/entry-text.ts';
import { RedisRegions } from './redis/redis-regions.ts';

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
  const regions = regionsOf(options, observe);
  const readThrough = readThroughOf(options, regions, observe);
  const loads = new BoundedLoads(options);

  function getOne(
    key: string,
    load: (call: LoaderCall) => Promise<V | null>,
    options: CacheGetOptions | undefined,
  ): Promise<V | null> {
    const loader = () => loads.bounded(async (_, call) => [await load(call)]);
    return options === undefined
      ? readThrough.get(key, loader)
      : withCall(options, (call) => readThrough.get(key, loader, call));
  }

  return {
    get(key, load, options) {
      const entry = options === undefined ? readThrough.hit(key) : undefined;
      return entry === undefined ? getOne(key, load, options) : Promise.resolve(handOut(entry));
    },
    getMany: (keys, loadMany, options = {}) =>
      withCall(options, (call) => readThrough.getMany(keys, loads.bounded(loadMany), call)),
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
        return await loads.untilClosed(
          patience,
          async () => (await regions.stores?.own.ready(patience)) ?? true,
        );
      } finally {
        patience.end();
      }
    },
    async close() {
      loads.close();
      await readThrough.close();
      regions.close();
    },
  };
}

const readyOptions = new Set(['timeoutMs']);
const callOptions = new Set(['signal', 'timeoutMs', ...Object.keys(callBounds)]);

function regionsOf<V>(options: CacheOptions<V>, observe: FanOut): RedisRegions {
  const { commandTimeoutMs = 100 } = options;
  const certificates = new Certificates(options.tls ?? {}, 'tls', ({ message }) =>
    observe({ type: 'cache-fault', operation: 'connection', message }),
  );
  const config = {
    region: undefined,
    certificates,
    commandTimeoutMs,
    farTimeoutMs: commandTimeoutMs,
    maxGapMs: options.maxGapMs ?? 1_000,
    leaseMs: options.leaseMs ?? 2_000,
    maxEntryBytes: options.maxEntryBytes ?? 1_000_000,
    maxPendingInvalidations: options.maxPendingInvalidations ?? 100_000,
  };
  return new RedisRegions(options.redis, config, observe);
}

function readThroughOf<V>(
  options: CacheOptions<V>,
  { stores }: RedisRegions,
  observe: FanOut,
): ReadThrough<V> {
  const {
    namespace,
    decode,
    version,
    maxEntries = 10_000,
    maxBytes = 64 * 1_024 * 1_024,
  } = options;
  return new ReadThrough<V>(
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
      refreshTimeoutMs: options.loadTimeoutMs ?? defaultLoadTimeoutMs,
      shadowRate: options.shadowRate ?? 0,
    },
    stores,
    observe,
  );
}

/** Runs a read as one caller asks for it. */
async function withCall<T>(
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
