/**
 * ProxySQL: what one must hold for a topology, and whether it does.
 *
 * @module
 */

export type { ProxysqlConfigOptions } from '../config/proxysql-options.ts';
export type { TopologyDocument } from '../config/topology-document.ts';
export type { AdminRow, ProxysqlTables } from './admin-tables.ts';
export type { ProxysqlDifference } from './compare.ts';
export {
  type ProxysqlConfig,
  proxysqlConfig,
} from './proxysql-config.ts';
export { proxysqlDoctor } from './proxysql-doctor.ts';
