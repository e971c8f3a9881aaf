import { z } from 'zod';
import type { Problem } from '../errors/config-error.ts';
import { type BreakerWindow, breakerWindow } from './breaker-window.ts';
import { directorySettings } from './directory-options.ts';
import { checkRedis, isIoredis } from './given-redis.ts';
import { parseInto, strictObject } from './strict-object.ts';
import { tlsSettings } from './tls-settings.ts';

export interface PoolOptions {
  /**
   * Connections to each endpoint, and so statements running on it at once. Where owners may move, a
   * primary has one more once calls that hold all of them ask whether an owner has left, or a move meets so many. Default 10.
   */
  connections?: number;
  /**
   * Statements that may wait for a connection of one endpoint; a tenth of the places is for critical
   * ones. Default 1,000.
   */
  queue?: number;
  /** Milliseconds to open a connection. Default 3,000. */
  connectTimeoutMs?: number;
  /**
   * Lets fewer statements run at once, down to a quarter of `connections`, while more of them only make
   * the endpoint slower. Default `true`.
   */
  adaptive?: boolean;
  /** Refuses a share of the statements while an endpoint turns most of them away. Default `true`. */
  throttle?: boolean;
}

export interface RetryOptions {
  /** Attempts in all, the first included. Default 3. */
  attempts?: number;
  /** Milliseconds of the first pause, about; it doubles with every attempt. Default 20. */
  baseMs?: number;
  /** Cap of any pause, in milliseconds. Default 500. */
  maxMs?: number;
  /**
   * Retries and hedges of a shard for each call, over many calls: so that a shard on which all fails is
   * not asked three times as much. 0 to 1, default 0.1.
   */
  budget?: number;
  /**
   * Sends a read that several endpoints may answer to a second one when it takes longer than 95 of 100
   * do, within the budget. Default `true`.
   */
  hedge?: boolean;
}

export interface BreakerOptions {
  /** Failures in a row that open an endpoint's breaker. Default 5. */
  failures?: number;
  /** Opens it also on a share of the calls of the last while that failed or were slow. */
  window?: BreakerWindow;
  /** Milliseconds it stays open before the endpoint is probed, beside all calls. Default 1,000. */
  openMs?: number;
  /** Milliseconds from one call at once to all of them after it has closed. Default 1,000. */
  rampMs?: number;
  /**
   * Milliseconds in which calls ran and none was answered, after which the endpoint is probed; the
   * breaker opens when that fails. Default 500.
   */
  stallMs?: number;
  /** Milliseconds that a probe, a new connection and a ping, may take. Default 1,000. */
  probeTimeoutMs?: number;
}

export interface CacheTierOptions {
  /** First part of every key in Redis. Default `meridian`. */
  namespace?: string;
  /**
   * Milliseconds within which this process hears what another one changed. What it holds in memory is
   * believed only while that is certain. Default 1,000.
   */
  maxGapMs?: number;
  /** Milliseconds a Redis command may take before the read goes on without it. Default 100. */
  commandTimeoutMs?: number;
  /**
   * With a Redis for each region: milliseconds that the Redis of another region may take to confirm
   * an invalidation. Default 1,000.
   */
  farTimeoutMs?: number;
  /**
   * Milliseconds after which others load a row by themselves whose loading process died or takes long.
   * Default 2,000.
   */
  leaseMs?: number;
  /** Bytes past which a row stays out of Redis. Default 1 MB. */
  maxEntryBytes?: number;
  /**
   * Keys of one table that Redis has yet to be told of, while it is down, which this process remembers.
   * Past that it forgets their names, and once Redis is back all of the table is forgotten there. Default
   * 100,000.
   */
  maxPendingInvalidations?: number;
  /**
   * Statements that fill caches, running at once on one shard, so that a dead Redis does not become a
   * dead database. Default: three quarters of `pool.connections`; the rest is left to writes.
   */
  loadsPerShard?: number;
  /**
   * Such statements that may wait for their turn. One more is answered with a stale row where
   * `staleIfErrorMs` allows it, else refused with an OverloadError. Default 1,000.
   */
  loadQueue?: number;
}

export interface IdempotencyOptions {
  /**
   * Milliseconds for which an idempotency key is remembered; a repetition that comes later is a new
   * operation. Default 7 days.
   */
  keepMs?: number;
  /**
   * Milliseconds, on average, between two looks of this process for keys that may be forgotten.
   * Default 1 hour; 0: never, and `data.idempotency.sweep()` is called by somebody else.
   */
  sweepMs?: number;
}

const milliseconds = z
  .number()
  .min(1)
  .max(2 ** 31 - 1);
const count = z.int().min(1);

const settings = strictObject({
  region: z.string().optional(),
  service: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, 'has 1 to 128 visible ASCII characters, and no space')
    .optional(),
  systemTables: z.enum(['create', 'verify']).default('verify'),
  debugErrors: z.boolean().default(false),
  uniqueAcrossShards: z.enum(['warn', 'refuse']).default('warn'),
  timeoutMs: milliseconds.default(5_000),
  startupTimeoutMs: milliseconds.default(30_000),
  startup: z.enum(['strict', 'lazy']).default('strict'),
  credentials: z
    .custom(
      (value) => typeof value === 'function',
      'must be a function of an endpoint that gives { user, password }',
    )
    .optional(),
  keepLastGood: z.string().min(1).optional(),
  drainMs: milliseconds.default(30_000),
  signal: z.custom((value) => value instanceof AbortSignal, 'must be an AbortSignal').optional(),
  pool: strictObject({
    connections: count.max(1_000).default(10),
    queue: z.int().min(0).default(1_000),
    connectTimeoutMs: milliseconds.default(3_000),
    adaptive: z.boolean().default(true),
    throttle: z.boolean().default(true),
  }).prefault({}),
  retry: strictObject({
    attempts: count.max(10).default(3),
    baseMs: milliseconds.default(20),
    maxMs: milliseconds.default(500),
    budget: z.number().min(0).max(1).default(0.1),
    hedge: z.boolean().default(true),
  }).prefault({}),
  breaker: strictObject({
    failures: count.default(5),
    window: breakerWindow.optional(),
    openMs: milliseconds.default(1_000),
    rampMs: milliseconds.default(1_000),
    stallMs: milliseconds.min(20).default(500),
    probeTimeoutMs: milliseconds.default(1_000),
  }).prefault({}),
  cache: strictObject({
    namespace: z
      .string()
      .regex(/^[\w.-]{1,64}$/, 'has 1 to 64 letters, digits, _ . or -')
      .default('meridian'),
    maxGapMs: milliseconds.min(20).default(1_000),
    commandTimeoutMs: milliseconds.default(100),
    farTimeoutMs: milliseconds.default(1_000),
    leaseMs: milliseconds.min(10).default(2_000),
    maxEntryBytes: count.default(1_000_000),
    maxPendingInvalidations: count.default(100_000),
    loadsPerShard: count.optional(),
    loadQueue: z.int().min(0).default(1_000),
  }).prefault({}),
  idempotency: strictObject({
    keepMs: z
      .number()
      .min(1_000)
      .max(10 * 365 * 86_400_000)
      .default(7 * 86_400_000),
    sweepMs: z.union([z.literal(0), milliseconds.max(2 ** 30)]).default(3_600_000),
  }).prefault({}),
  locateIp: z
    .custom(
      (value) => typeof value === 'function',
      "must be a function of an address; of a maxmind reader, maxmindLocator of 'meridian/sharding' makes one",
    )
    .optional(),
  directory: directorySettings.optional(),
  tls: strictObject({
    mysql: tlsSettings.prefault({}),
    redis: tlsSettings.prefault({}),
  }).prefault({}),
  redis: z.unknown().optional(),
  topology: z.unknown().optional(),
  tables: z.unknown().optional(),
  logger: z
    .custom(
      (value) => value === false || isLogger(value),
      'must have the methods debug, info and warn, as a pino logger has, or be false for none',
    )
    .optional(),
  observers: z
    .array(z.custom<object>((value) => typeof value === 'function', 'must be a function'))
    .refine(
      (those) => those.filter((one) => Reflect.get(one, 'trace') !== undefined).length <= 1,
      'two of them follow calls, and one may',
    )
    .default([]),
});

function isLogger(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return ['debug', 'info', 'warn'].every(
    (level) => typeof Reflect.get(value, level) === 'function',
  );
}

/** The plain settings of a data layer, with every default filled in. */
export type DataLayerConfig = z.output<typeof settings>;

/** Reads the options that are plain values; what is wrong is appended to `problems`. */
export function parseDataLayerOptions(
  options: unknown,
  problems: Problem[],
): DataLayerConfig | undefined {
  const config = parseInto(settings, options, '', problems);
  checkRedisOption(options, problems);
  for (const name of ['topology', 'tables']) {
    if (typeof options === 'object' && options !== null && Reflect.get(options, name) !== undefined)
      continue;
    problems.push({ path: name, message: 'is missing' });
  }
  const tables: unknown =
    typeof options === 'object' && options !== null ? Reflect.get(options, 'tables') : undefined;
  if (
    tables !== undefined &&
    (typeof tables !== 'object' || tables === null || Array.isArray(tables))
  ) {
    problems.push({
      path: 'tables',
      message: 'must be an object of tables by name: { users, orders }',
    });
  }
  return config;
}

function checkRedisOption(options: unknown, problems: Problem[]): void {
  const redis: unknown =
    typeof options === 'object' && options !== null ? Reflect.get(options, 'redis') : undefined;
  if (!isByRegion(redis)) {
    checkRedis(redis, 'redis', problems);
    return;
  }
  const owners = new Map<unknown, string>();
  for (const [region, one] of Object.entries(redis)) {
    const path = `redis.${region}`;
    const owner = owners.get(one);
    if (owner === undefined) owners.set(one, path);
    else problems.push({ path, message: `is the same as ${owner}; a Redis is in one region` });
    if (one === false) problems.push({ path, message: 'is false; leave the region out' });
    else checkRedis(one, path, problems);
  }
}

/** Whether each value of an object may be a Redis, and so its names regions. */
function isByRegion(redis: unknown): redis is object {
  if (typeof redis !== 'object' || redis === null || Array.isArray(redis)) return false;
  // A client of another package is an object as well, of a class of its own.
  const prototype: unknown = Object.getPrototypeOf(redis);
  return (prototype === Object.prototype || prototype === null) && !isIoredis(redis);
}
