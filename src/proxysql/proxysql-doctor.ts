import { readEndpointUrl } from '../config/endpoint-url.ts';
import { ConfigError } from '../errors/config-error.ts';
import { UnavailableError } from '../errors/database-error.ts';
import { askAdministrator } from '../mysql/server/ask-administrator.ts';
import type { RawRow } from '../mysql/sql/sql.ts';
import { compare, type ProxysqlDifference } from './compare.ts';
import type { ProxysqlConfig } from './proxysql-config.ts';

const runtimeTables = [
  'runtime_mysql_servers',
  'runtime_mysql_replication_hostgroups',
  'runtime_mysql_users',
  'runtime_mysql_query_rules',
  'runtime_global_variables',
];

/**
 * Compares what a ProxySQL does with what it is meant to: servers, hostgroups, users, rules, and rules of others that
 * come first. It only reads. No difference means that none was found in what runs at this moment.
 *
 * @param adminUrl of its admin interface: `mysql://user:password@127.0.0.1:6032/main`.
 * @throws {ConfigError} where the URL makes no sense; {@link UnavailableError} where the interface does not answer.
 *
 * @example
 * const config = proxysqlConfig(document, { proxy: '127.0.0.1:6033' });
 * const differences = await proxysqlDoctor('mysql://admin:secret@127.0.0.1:6032/main', config);
 * for (const { table, row, message, cure } of differences) console.log(`${table} ${row} ${message}. ${cure}`);
 */
export async function proxysqlDoctor(
  adminUrl: string,
  config: Pick<ProxysqlConfig, 'tables'>,
  options: { readonly timeoutMs?: number } = {},
): Promise<readonly ProxysqlDifference[]> {
  const { timeoutMs = 5_000 } = options;
  const address = readEndpointUrl(adminUrl);
  if (typeof address === 'string') {
    throw new ConfigError('Bad URL of ProxySQL', [{ path: 'adminUrl', message: address }]);
  }
  const statements = runtimeTables.map((table) => `SELECT * FROM ${table}`);
  let answers: readonly (readonly RawRow[])[];
  try {
    answers = await askAdministrator(address, statements, timeoutMs);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnavailableError(`The administrator of ProxySQL can not be asked: ${reason}`, {
      cause: error,
    });
  }
  const [mysql_servers = [], mysql_replication_hostgroups = [], ...others] = answers;
  const [mysql_users = [], mysql_query_rules = [], global_variables = []] = others;
  const runs = { mysql_servers, mysql_replication_hostgroups, mysql_users, mysql_query_rules };
  return compare(config.tables, { ...runs, global_variables });
}
