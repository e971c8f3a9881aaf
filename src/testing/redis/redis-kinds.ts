import type { ClusterProvider } from '../cluster-plan.ts';
import type { ServerLocation } from '../mysql/server-location.ts';
import type { RedisServer } from '../runners/server.ts';

/**
 * How Redis is set up: one server, servers watched by Sentinels, or a Redis Cluster.
 *
 * @see {@link LocalRedisOptions}
 */
export type RedisKind = 'standalone' | 'sentinel' | 'cluster';

interface AnyRedisOptions {
  /**
   * Which Redis or Valkey program to run. Default: what `MERIDIAN_TEST_REDIS` names, else the one that
   * is found on this machine.
   */
  readonly server?: ServerLocation;
  /** How long each step of a start or a failover may take, in milliseconds. Default 30 000. */
  readonly startTimeoutMs?: number;
  /** Told what is being done, a line at a time. */
  readonly onProgress?: (message: string) => void;
}

/**
 * One Redis.
 *
 * @example
 * const { url } = await startLocalRedis({ kind: 'standalone' });
 */
export interface StandaloneRedisOptions extends AnyRedisOptions {
  readonly kind: 'standalone';
  /** As for a local cluster. Default: the variable `MERIDIAN_TEST_PROVIDER`, else `auto`. */
  readonly provider?: ClusterProvider | 'auto';
  /** Containers only. Default: `MERIDIAN_REDIS_IMAGE`, else `redis:7`. */
  readonly redisImage?: string;
}

/**
 * A master with replicas and three Sentinels.
 *
 * @example
 * import { Redis } from 'ioredis';
 * const { sentinels, name } = await startLocalRedis({ kind: 'sentinel', replicas: 1 });
 * const redis = new Redis({ sentinels, name });
 */
export interface SentinelRedisOptions extends AnyRedisOptions {
  readonly kind: 'sentinel';
  /** Replicas of the master. Default 1. */
  readonly replicas?: 1 | 2;
  /** Always processes of this machine, whatever `MERIDIAN_TEST_PROVIDER` says. */
  readonly provider?: 'process' | 'auto';
}

/**
 * A Redis Cluster of three masters.
 *
 * @example
 * const { nodes } = await startLocalRedis({ kind: 'cluster', replicas: 1 });
 */
export interface ClusterRedisOptions extends AnyRedisOptions {
  readonly kind: 'cluster';
  /** Replicas of each of the three masters. Default 0. */
  readonly replicas?: 0 | 1 | 2;
  /** Always processes of this machine, whatever `MERIDIAN_TEST_PROVIDER` says. */
  readonly provider?: 'process' | 'auto';
}

/**
 * Which kind of Redis to start.
 *
 * @example
 * const options: LocalRedisOptions = { kind: 'standalone' };
 */
export type LocalRedisOptions = StandaloneRedisOptions | SentinelRedisOptions | ClusterRedisOptions;

/**
 * Where a server listens: what ioredis takes for a Sentinel or a node of a cluster.
 *
 * @see {@link SentinelRedisOptions}
 */
export interface RedisAddress {
  host: string;
  port: number;
}

interface AnyLocalRedis {
  /** Every server: data first, then Sentinels. Each can be killed, paused and restarted. */
  readonly servers: readonly RedisServer[];
  /** Ends all servers at once and deletes their data. A second call waits for the first. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * What can be asked of servers that replace one another.
 *
 * @example
 * const { failover } = await startLocalRedis({ kind: 'cluster', replicas: 1 });
 * const master = await failover('user:1');
 */
export interface RedisFailovers {
  /**
   * The master at this moment as the newest configuration names it, which may be a server that is
   * down and not yet replaced.
   *
   * @param key In a cluster: the master of this key's slot. Default: of slot 0.
   * @throws TestingError when no server that could tell runs.
   */
  master(key?: string): Promise<RedisServer>;

  /**
   * Makes a replica the master by `SENTINEL FAILOVER` or `CLUSTER FAILOVER`, and resolves with it
   * as {@link replacementOf} does.
   *
   * @throws TestingError when the master does not run, has no replica, or stays the master.
   */
  failover(key?: string): Promise<RedisServer>;

  /**
   * Resolves with the new master once another server has taken the place of `old`: all servers that
   * run agree on it, it says that it is the master, and the others, `old` too if it runs, follow it.
   *
   * @throws TestingError when that does not happen within `startTimeoutMs`.
   */
  replacementOf(old: RedisServer): Promise<RedisServer>;
}

/**
 * One Redis that runs.
 *
 * @see {@link StandaloneRedisOptions}
 */
export interface StandaloneRedis extends AnyLocalRedis {
  readonly kind: 'standalone';
  readonly url: string;
}

/**
 * A master with replicas, and the Sentinels that watch them.
 *
 * @see {@link SentinelRedisOptions}
 */
export interface SentinelRedis extends AnyLocalRedis, RedisFailovers {
  readonly kind: 'sentinel';
  /** `new Redis({ sentinels, name })` */
  readonly sentinels: RedisAddress[];
  /** The name under which the Sentinels know the master. */
  readonly name: 'meridian';
}

/**
 * A Redis Cluster that runs.
 *
 * @see {@link ClusterRedisOptions}
 */
export interface ClusterRedis extends AnyLocalRedis, RedisFailovers {
  readonly kind: 'cluster';
  /** `new Cluster(nodes)` */
  readonly nodes: RedisAddress[];
}

/**
 * A Redis that runs, of whichever kind.
 *
 * @see {@link startLocalRedis}
 */
export type LocalRedis = StandaloneRedis | SentinelRedis | ClusterRedis;
