import { startLocalCluster } from '../local-cluster.ts';
import { PortReservations } from '../runners/free-port.ts';
import type { ProcessHost } from '../runners/process-runner.ts';
import type { RedisServer } from '../runners/server.ts';
import { Supervisor } from '../runners/supervisor.ts';
import { TestingError } from '../testing-error.ts';
import { startCluster } from './redis-cluster.ts';
import type {
  ClusterRedis,
  ClusterRedisOptions,
  LocalRedis,
  LocalRedisOptions,
  RedisAddress,
  RedisFailovers,
  SentinelRedis,
  SentinelRedisOptions,
  StandaloneRedis,
  StandaloneRedisOptions,
} from './redis-kinds.ts';
import { findRedis7, redisPlanOf } from './redis-plan.ts';
import { startSentinels } from './redis-sentinel.ts';
import { sentinelMaster } from './sentinel-failovers.ts';

/**
 * Starts Redis servers for tests: one, a master with replicas and three Sentinels, or a Redis
 * Cluster of three masters. Like those of a local cluster they are real, have free loopback ports
 * and data of their own, end with this process, and leave nothing behind.
 *
 * Kinds `sentinel` and `cluster` need Redis 7 or later on this machine.
 *
 * @throws TestingError when an option is wrong, Redis is not installed, or a server does not answer
 * in time; then nothing is left running.
 *
 * @example
 * const redis = await startLocalRedis({ kind: 'sentinel', replicas: 2 });
 * await redis.failover();
 * await redis.stop();
 */
export function startLocalRedis(options: StandaloneRedisOptions): Promise<StandaloneRedis>;
export function startLocalRedis(options: SentinelRedisOptions): Promise<SentinelRedis>;
export function startLocalRedis(options: ClusterRedisOptions): Promise<ClusterRedis>;
export function startLocalRedis(options: LocalRedisOptions): Promise<LocalRedis>;
export async function startLocalRedis(options: LocalRedisOptions): Promise<LocalRedis> {
  switch (options.kind) {
    case 'standalone':
      return startStandalone(options);
    case 'sentinel':
    case 'cluster':
      return startTogether(options);
    default:
      throw new TestingError(
        "startLocalRedis: 'kind' must be 'standalone', 'sentinel' or 'cluster'.",
        { context: { option: 'kind' } },
      );
  }
}

async function startStandalone({
  kind,
  server,
  ...options
}: StandaloneRedisOptions): Promise<StandaloneRedis> {
  const { redis, stop } = await startLocalCluster({
    ...options,
    shards: [],
    redis: server ?? true,
  });
  return { kind, url: redis.url, servers: [redis], stop, [Symbol.asyncDispose]: stop };
}

async function startTogether(
  options: SentinelRedisOptions | ClusterRedisOptions,
): Promise<SentinelRedis | ClusterRedis> {
  const plan = redisPlanOf(options);
  const executable = await findRedis7(options.server);
  const ports = new PortReservations();
  const supervisor = await Supervisor.start();
  const host: ProcessHost = { supervisor, ports, startTimeoutMs: plan.startTimeoutMs };
  const end = async () => {
    await supervisor.end();
    ports.releaseAll();
  };
  try {
    if (plan.kind === 'sentinel') {
      const { data, sentinels, failovers } = await startSentinels(executable, plan, host);
      return {
        kind: plan.kind,
        name: sentinelMaster,
        sentinels: sentinels.map(addressOf),
        servers: [...data, ...sentinels],
        ...verbsOf(failovers),
        ...stoppedBy(end),
      };
    }
    const { data, failovers } = await startCluster(executable, plan, host);
    return {
      kind: plan.kind,
      nodes: data.map(addressOf),
      servers: data,
      ...verbsOf(failovers),
      ...stoppedBy(end),
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** As functions of their own, which a spread keeps and which need no `this`. */
function verbsOf(failovers: RedisFailovers): RedisFailovers {
  return {
    master: (key) => failovers.master(key),
    failover: (key) => failovers.failover(key),
    replacementOf: (old) => failovers.replacementOf(old),
  };
}

function stoppedBy(end: () => Promise<void>) {
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= end();
    return stopped;
  };
  return { stop, [Symbol.asyncDispose]: stop };
}

function addressOf({ host, port }: RedisServer): RedisAddress {
  return { host, port };
}
