/**
 * `meridian/testing`: real servers and network faults for the tests of an application.
 *
 * @module
 */

export type { AwaitedFault, Direction, Fault, StatementPattern } from './chaos/chaos-faults.ts';
export { type ChaosProxy, type ChaosProxyOptions, startChaosProxy } from './chaos/chaos-proxy.ts';
export type { ProxiedShard } from './chaos/shard-proxies.ts';
export type { LocalClusterOptions } from './cluster-options.ts';
export type { ClusterProvider } from './cluster-plan.ts';
export {
  type LocalCluster,
  startLocalCluster,
} from './local-cluster.ts';
export type { ServerLocation } from './mysql/server-location.ts';
export { startLocalRedis } from './redis/local-redis.ts';
export type {
  ClusterRedis,
  ClusterRedisOptions,
  LocalRedis,
  LocalRedisOptions,
  RedisAddress,
  RedisFailovers,
  RedisKind,
  SentinelRedis,
  SentinelRedisOptions,
  StandaloneRedis,
  StandaloneRedisOptions,
} from './redis/redis-kinds.ts';
export type {
  LocalServer,
  LocalShard,
  MysqlServer,
  RedisRole,
  RedisServer,
  ServerState,
} from './runners/server.ts';
export { TestingError } from './testing-error.ts';
