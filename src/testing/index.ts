/**
 * `meridian/testing`: real servers and network faults for the tests of an application.
 *
 * @module
 */

export type { AwaitedFault, Direction, Fault, StatementPattern } from './chaos-faults.ts';
export { type ChaosProxy, type ChaosProxyOptions, startChaosProxy } from './chaos-proxy.ts';
export type { LocalClusterOptions } from './cluster-options.ts';
export type { ClusterProvider } from './cluster-plan.ts';
export {
  type LocalCluster,
  startLocalCluster,
} from './local-cluster.ts';
export { startLocalRedis } from './local-redis.ts';
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
} from './redis-kinds.ts';
export type {
  LocalServer,
  LocalShard,
  MysqlServer,
  RedisRole,
  RedisServer,
  ServerState,
} from './server.ts';
export type { ServerLocation } from './server-location.ts';
export type { ProxiedShard } from './shard-proxies.ts';
export { TestingError } from './testing-error.ts';
