/**
 * ProxySQL: what one must hold for a topology, and whether it does.
 *
 * @module
 */

export type { TopologyDocument } from '../config/topology-document.ts';
export type { AdminRow, ProxysqlTables } from './admin-tables.ts';
export type { ProxysqlDifference } from './compare.ts';
export {
  type ProxysqlConfig,
  type ProxysqlConfigOptions,
  proxysqlConfig,
} from './proxysql-config.ts';
export { proxysqlDoctor } from './proxysql-doctor.ts';
