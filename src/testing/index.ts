/**
 * `meridian/testing`: real servers and network faults for the tests of an application.
 *
 * @module
 */
export type { ClusterProvider } from './cluster-plan.ts';
export {
  type LocalCluster,
  type LocalClusterOptions,
  startLocalCluster,
} from './local-cluster.ts';
export type { LocalServer, LocalShard, MysqlServer, ServerState } from './server.ts';
export { TestingError } from './testing-error.ts';
