import { didYouMean } from '../config/did-you-mean.ts';
import { checkRedis } from '../config/given-redis.ts';
import { parseInto } from '../config/strict-object.ts';
import { tlsSettings } from '../config/tls-settings.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import type { Observer } from '../observability/events.ts';
import type { TlsOptions } from '../tls/tls-options.ts';
import type { RedisClient } from './redis/links/redis-client.ts';

/**
 * How long values are served. All times are milliseconds.
 *
 * @example
 * const freshness: FreshnessOptions = { ttlMs: 60_000, staleMs: 30_000, negativeTtlMs: 5_000 };
 */
export interface FreshnessOptions {
  /** A value is served without asking its source. */
  ttlMs: number;
  /** Past `ttlMs`: the old value is served while a new one loads. Default 0. */
  staleMs?: number;
  /**
   * Past `ttlMs`: the old value stands in while the source can't answer; also one that another process
   * has invalidated unheard. Default: `staleMs`.
   */
  staleIfErrorMs?: number;
  /** "There is none" is served. Default: the smaller of `ttlMs` and 1,000. */
  negativeTtlMs?: number;
  /** Lives are shorter by up to this part, at random, so that they do not end together. Default 0.1. */
  jitter?: number;
}

/**
 * Where a cache keeps its values, how long, and how much of them.
 *
 * @example
 * const prices = createCache<number>({
 *   redis: 'redis://cache.example', namespace: 'prices:v1', ttlMs: 5_000, staleIfErrorMs: 60_000,
 * });
 */
export interface CacheOptions<V> extends FreshnessOptions {
  /**
   * A `redis://` or `rediss://` URL (`redis://` to another machine needs `?tls=off`), or `false`: memory only.
   * Or an ioredis client of yours, 5.3 or later: `Redis`, also with `sentinels`, or `Cluster`. The cache opens connections of its own as the
   * client says, without its `keyPrefix`, and leaves the client itself alone.
   */
  redis: string | RedisClient | false;
  /**
   * Separates this cache's keys in Redis from every other's. Caches in one namespace, in whatever
   * process, must hold the same kind of value: see `schema`.
   */
  namespace: string;
  /**
   * Milliseconds within which this process hears what another one invalidated. What it holds in memory
   * is believed only while that is certain. Default 1,000.
   */
  maxGapMs?: number;
  /**
   * `false` keeps nothing in this process: then no value is served that was out of date when it was
   * asked for, as long as Redis can be reached. Default `true`.
   */
  memory?: boolean;
  /** Entries in memory; the least recently used leave first. Default 10,000. */
  maxEntries?: number;
  /** Bytes in memory, about. Default 64 MiB. */
  maxBytes?: number;
  /** Milliseconds a Redis command may take before the cache goes on without Redis. Default 100. */
  commandTimeoutMs?: number;
  /**
   * Milliseconds after which others load a key by themselves whose loading process died or takes
   * long. Default 2,000.
   */
  leaseMs?: number;
  /** Milliseconds a load may take. Default 10,000. */
  loadTimeoutMs?: number;
  /**
   * Loads that run at once in this process. When none of them ends for 200 ms while others wait, which may
   * be what they wait for, up to as many again are let in. Default 64.
   */
  loadConcurrency?: number;
  /**
   * Loads that may wait for their turn. One more is answered with a stale value where `staleIfErrorMs`
   * allows it, else refused with an OverloadError. Default 1,000.
   */
  loadQueue?: number;
  /** Milliseconds for which a load's error is given to those who ask next. Default 0: they load again. */
  errorTtlMs?: number;
  /** Bytes of JSON past which an entry is compressed in Redis. Default: never. */
  compressOverBytes?: number;
  /** Bytes in Redis past which an entry stays out of it. Default 1 MB. */
  maxEntryBytes?: number;
  /**
   * Keys that Redis has yet to be told of, while it is down, which this process remembers. Past that it
   * forgets their names, and once Redis is back all of the cache is forgotten there. Default 100,000.
   */
  maxPendingInvalidations?: number;
  /** Names the shape of the values: what was stored under another name is a miss. Default: none. */
  schema?: string;
  /** Checks what another process stored; undefined makes it a miss. Default: it is believed. */
  decode?: (value: unknown) => V | undefined;
  /**
   * A number that grows with each change of the value, its version column say: a value never replaces
   * one with a higher number in Redis. Default: none.
   */
  version?: (value: V) => number | bigint;
  /** The part of the reads that are compared with their source aside, 0 to 1. Default 0. */
  shadowRate?: number;
  /** Certificates of a Redis that is given as `rediss://`. Default: the authorities of Node, TLS 1.3 at least. */
  tls?: TlsOptions;
  /** Is told of every event. */
  observer?: Observer;
}

interface Bounds {
  readonly least: number;
  readonly most: number;
}

const longestMs = 2 ** 31 - 1;
export const milliseconds: Bounds = { least: 1, most: longestMs };
const fromNone: Bounds = { least: 0, most: longestMs };
const count: Bounds = { least: 1, most: Number.MAX_SAFE_INTEGER };
const share: Bounds = { least: 0, most: 1 };

/** What the options that say how long values are served may be. */
const freshnessBounds = {
  ttlMs: milliseconds,
  staleMs: fromNone,
  staleIfErrorMs: fromNone,
  negativeTtlMs: fromNone,
  jitter: share,
} satisfies Record<string, Bounds>;

/** What the numbers may be that one call gives. */
export const callBounds = {
  ttlMs: milliseconds,
  negativeTtlMs: fromNone,
  maxAgeMs: fromNone,
} satisfies Record<string, Bounds>;

/** What the numbers may be that say how values of one kind are cached. */
export const tierBounds = {
  ...freshnessBounds,
  maxEntries: count,
  maxBytes: count,
  compressOverBytes: { ...count, least: 0 },
  shadowRate: share,
} satisfies Record<string, Bounds>;

const bounds = {
  ...tierBounds,
  // A quarter of it is the time between two heartbeats.
  maxGapMs: { least: 20, most: longestMs },
  commandTimeoutMs: milliseconds,
  leaseMs: { least: 10, most: longestMs },
  loadTimeoutMs: milliseconds,
  loadConcurrency: count,
  loadQueue: { ...count, least: 0 },
  errorTtlMs: fromNone,
  maxEntryBytes: count,
  maxPendingInvalidations: count,
} satisfies Record<string, Bounds>;

const kinds = {
  memory: 'boolean',
  schema: 'string',
  decode: 'function',
  version: 'function',
  observer: 'function',
} as const;

/** @throws {ConfigError} naming every option that is missing, unknown or out of range. */
export function checkCacheOptions<V>(options: CacheOptions<V>): void {
  const problems: Problem[] = [];
  if (typeof options !== 'object' || options === null) {
    const message = 'the options must be an object: { redis, namespace, ttlMs }';
    throw new ConfigError('Bad cache options', [{ path: '', message }]);
  }
  const { redis, namespace } = options;
  checkRedis(redis, 'redis', problems);
  if (typeof namespace !== 'string' || !/^[^\s{}]{1,128}$/.test(namespace)) {
    problems.push({
      path: 'namespace',
      message: 'must be a name of 1 to 128 characters, without spaces and braces',
    });
  }
  parseInto(tlsSettings, options.tls ?? {}, 'tls', problems);
  const known = ['redis', 'namespace', 'tls', ...Object.keys(bounds), ...Object.keys(kinds)];
  for (const path of Object.keys(options)) {
    if (known.includes(path)) continue;
    problems.push({ path, message: `unknown key${didYouMean(path, known)}` });
  }
  checkNumbers(options, bounds, ['ttlMs'], problems);
  for (const [path, kind] of Object.entries(kinds)) {
    const value: unknown = Reflect.get(options, path);
    if (value === undefined || typeof value === kind) continue;
    problems.push({ path, message: `must be a ${kind}` });
  }
  if (problems.length > 0) throw new ConfigError('Bad cache options', problems);
}

/** Reports numbers that are missing or out of bounds. */
export function checkNumbers(
  options: object,
  allowed: Readonly<Record<string, Bounds>>,
  needed: readonly string[],
  problems: Problem[],
): void {
  for (const [path, { least, most }] of Object.entries(allowed)) {
    const value: unknown = Reflect.get(options, path);
    if (value === undefined && !needed.includes(path)) continue;
    if (typeof value === 'number' && value >= least && value <= most) continue;
    problems.push({ path, message: `must be a number from ${least} to ${most}` });
  }
}

/** The options that say how long values are served, with every default filled in. */
export function freshnessOf(options: FreshnessOptions): Required<FreshnessOptions> {
  const { ttlMs, staleMs = 0 } = options;
  return {
    ttlMs,
    staleMs,
    staleIfErrorMs: options.staleIfErrorMs ?? staleMs,
    negativeTtlMs: options.negativeTtlMs ?? Math.min(ttlMs, 1_000),
    jitter: options.jitter ?? 0.1,
  };
}
