import {
  type ClusterPlan,
  type ClusterProvider,
  checkPlan,
  type StartedServers,
} from './cluster-plan.ts';
import { startContainerCluster } from './container-cluster.ts';
import { startProcessCluster } from './process-cluster.ts';
import { chooseProvider } from './provider.ts';
import type { LocalShard, RedisServer } from './server.ts';
import type { ServerLocation } from './server-location.ts';
import { type ProxiedShard, proxied } from './shard-proxies.ts';

/** What to start. */
export interface LocalClusterOptions<Name extends string = string> {
  /** One MariaDB or MySQL server each. May be empty when only Redis is wanted. */
  readonly shards: readonly Name[];
  /** Read-only servers per shard that follow its primary by GTID. Default 0. */
  readonly replicas?: number;
  /**
   * Which MariaDB or MySQL program to run. Default: what `MERIDIAN_TEST_MYSQL` names, else the one
   * that is found on this machine. Means `provider: 'process'`.
   */
  readonly mysql?: ServerLocation;
  /**
   * Whether to start a Redis, and which Redis or Valkey program. Default: `true`, what
   * `MERIDIAN_TEST_REDIS` names, else the one that is found on this machine.
   */
  readonly redis?: boolean | ServerLocation;
  /** Whether each shard gets a `proxy` before its primary, and a `url` through it. Default `false`. */
  readonly proxies?: boolean;
  /**
   * `process`: the `mariadbd` or `mysqld` and `redis-server` of this machine. `container`: through
   * testcontainers. `auto`: processes where the binaries are, else containers. Default: the
   * environment variable `MERIDIAN_TEST_PROVIDER`, else `auto`.
   */
  readonly provider?: ClusterProvider | 'auto';
  /** The database made on each shard. Default `app`. */
  readonly database?: string;
  /** How long each server may take to answer. Default 30 000. */
  readonly startTimeoutMs?: number;
  /** Containers only. Default: `MERIDIAN_MYSQL_IMAGE`, else `mysql:8.4`. MariaDB images do too. */
  readonly mysqlImage?: string;
  /** Containers only. Default: `MERIDIAN_REDIS_IMAGE`, else `redis:7`. */
  readonly redisImage?: string;
  /** Told what is being done, a line at a time. */
  readonly onProgress?: (message: string) => void;
}

type WantedRedis = true | ServerLocation;

/** Real servers on loopback ports that end with this process. */
export interface LocalCluster<
  Name extends string = string,
  Redis extends RedisServer | undefined = RedisServer,
  Shard extends LocalShard = LocalShard,
> {
  readonly provider: ClusterProvider;
  readonly shards: Readonly<Record<Name, Shard>>;
  /** `undefined` when the cluster was started with `redis: false`. */
  readonly redis: Redis;
  readonly state: 'running' | 'stopped';
  /** Ends all servers at once and deletes their data. A second call waits for the first. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts real MySQL (or MariaDB) servers and a Redis for tests, each with data of its own on a free
 * loopback port. They end with this process, however it ends, and leave nothing behind.
 *
 * @throws TestingError when an option is wrong, the servers are not installed, or one of them does
 * not answer in time; then nothing is left running.
 */
export function startLocalCluster<const Name extends string>(
  options: LocalClusterOptions<Name> & { readonly redis?: WantedRedis; readonly proxies: true },
): Promise<LocalCluster<Name, RedisServer, ProxiedShard>>;
export function startLocalCluster<const Name extends string>(
  options: LocalClusterOptions<Name> & { readonly redis: false; readonly proxies: true },
): Promise<LocalCluster<Name, undefined, ProxiedShard>>;
export function startLocalCluster<const Name extends string>(
  options: LocalClusterOptions<Name> & { readonly redis?: WantedRedis },
): Promise<LocalCluster<Name>>;
export function startLocalCluster<const Name extends string>(
  options: LocalClusterOptions<Name> & { readonly redis: false },
): Promise<LocalCluster<Name, undefined>>;
export function startLocalCluster<const Name extends string>(
  options: LocalClusterOptions<Name>,
): Promise<LocalCluster<Name, RedisServer | undefined>>;
export async function startLocalCluster<const Name extends string>(
  options: LocalClusterOptions<Name>,
): Promise<LocalCluster<Name, RedisServer | undefined>> {
  const plan = planOf(options);
  checkPlan(plan);
  const provider = await chooseProvider(options.provider, plan);
  const start = provider === 'process' ? startProcessCluster : startContainerCluster;
  const servers = await start(plan);
  if (!options.proxies) return clusterOf(provider, options.shards, servers);
  const shards = await proxied(servers.shards).catch(async (error: unknown) => {
    await servers.end();
    throw error;
  });
  const end = async () => {
    await Promise.all(shards.map(({ proxy }) => proxy.close()));
    await servers.end();
  };
  return clusterOf(provider, options.shards, { ...servers, shards, end });
}

function planOf(options: LocalClusterOptions): ClusterPlan {
  return {
    shards: options.shards,
    replicas: options.replicas ?? 0,
    redis: options.redis !== false,
    mysqlAt: options.mysql,
    redisAt: typeof options.redis === 'object' ? options.redis : undefined,
    database: options.database ?? 'app',
    startTimeoutMs: options.startTimeoutMs ?? 30_000,
    mysqlImage: options.mysqlImage ?? (process.env.MERIDIAN_MYSQL_IMAGE || 'mysql:8.4'),
    redisImage: options.redisImage ?? (process.env.MERIDIAN_REDIS_IMAGE || 'redis:7'),
    progress: options.onProgress ?? (() => {}),
  };
}

function clusterOf<Name extends string>(
  provider: ClusterProvider,
  names: readonly Name[],
  { shards: started, redis, end }: StartedServers,
): LocalCluster<Name, RedisServer | undefined> {
  const shards = Object.fromEntries(started.map((shard) => [shard.name, shard]));
  if (!hasAll(shards, names)) throw new TypeError('A provider left out a shard.');
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= end();
    return stopped;
  };
  return {
    provider,
    shards,
    redis,
    get state() {
      return stopped ? 'stopped' : 'running';
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function hasAll<Name extends string>(
  shards: Readonly<Record<string, LocalShard>>,
  names: readonly Name[],
): shards is Readonly<Record<Name, LocalShard>> {
  return names.every((name) => Object.hasOwn(shards, name));
}
