import { type ProxiedShard, proxied } from './chaos/shard-proxies.ts';
import { checkClusterOptions, type LocalClusterOptions } from './cluster-options.ts';
import type { ClusterPlan, ClusterProvider, StartedServers } from './cluster-plan.ts';
import { startContainerCluster } from './container-cluster.ts';
import type { ServerLocation } from './mysql/server-location.ts';
import { startProcessCluster } from './process-cluster.ts';
import { chooseProvider } from './runners/provider.ts';
import type { LocalShard, RedisServer } from './runners/server.ts';

type WantedRedis = true | ServerLocation;

/**
 * Real servers on loopback ports that end with this process.
 *
 * @example
 * const cluster: LocalCluster<'eu-1'> = await startLocalCluster({ shards: ['eu-1'] });
 * await cluster.shards['eu-1'].primary.kill();
 * await cluster.stop();
 */
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
 *
 * @example
 * await using cluster = await startLocalCluster({ shards: ['eu-1', 'us-1'] });
 * const { url } = cluster.shards['eu-1'].primary;
 * const redis = cluster.redis.url;
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
  checkClusterOptions(options);
  const plan = planOf(options);
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
    mysqlArguments: options.mysqlArguments ?? [],
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
