import {
  type ProxysqlConfigOptions,
  type ProxysqlSettings,
  readProxysqlOptions,
} from '../config/proxysql-options.ts';
import type { TopologyDocument } from '../config/topology-document.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import { createTopology } from '../topology/create-topology.ts';
import { type Endpoint, endpointsOf, type Shard, type Topology } from '../topology/topology.ts';
import { type AdminRow, literal, type ProxysqlTables, putRow, putToUse } from './admin-tables.ts';

/**
 * What a ProxySQL holds for a topology, and the topology by way of it.
 *
 * @see {@link proxysqlConfig}
 */
export interface ProxysqlConfig {
  /** Rows of the admin tables. `mysql_users` has passwords. */
  readonly tables: ProxysqlTables;
  /** The same as SQL for the admin interface, which may be run again: it has passwords. */
  readonly sql: string;
  /** The document that services take: its URLs lead through the proxy. Passwords are as they were written. */
  readonly document: TopologyDocument;
}

/**
 * What a ProxySQL must hold so that services reach each shard through it: servers, replication hostgroups, users and
 * query rules. A user is led to one hostgroup, so each shard needs one of its own, and its replicas another. The rules
 * let no statement be sent elsewhere or repeated; that each connection of a service keeps one of a server follows from
 * how Meridian opens it (`mysql-set_query_lock_on_hostgroup`), and a rule that says `multiplex` would undo it.
 *
 * @param document with the servers' own URLs; `${NAME}` is read from the environment.
 * @throws {ConfigError} with every problem of the document, and what no ProxySQL can hold.
 *
 * @example
 * const { sql, document: throughProxy } = proxysqlConfig(document, { proxy: '127.0.0.1:6033' });
 * await writeFile('proxysql.sql', sql, { mode: 0o600 });
 * const topology = { ...throughProxy, epoch: document.epoch + 1 };
 */
export function proxysqlConfig(
  document: TopologyDocument,
  options: ProxysqlConfigOptions,
): ProxysqlConfig {
  const problems: Problem[] = [];
  const topology = createTopology(document, problems);
  const settings = readProxysqlOptions(options, problems);
  if (topology !== undefined) check(topology, problems);
  if (topology === undefined || settings === undefined || problems.length > 0) throw none(problems);
  const led = through(document, topology, settings);
  checkLed(led, problems);
  if (problems.length > 0) throw none(problems);
  const { firstHostgroup, firstRule } = settings;
  const tables = tablesOf([...topology.shards.values()], firstHostgroup, firstRule);
  return { tables, sql: sqlOf(tables), document: led };
}

function none(problems: readonly Problem[]): ConfigError {
  return new ConfigError('No configuration of ProxySQL', problems);
}

/** Services would go past the proxy, or nowhere. */
function checkLed(document: TopologyDocument, problems: Problem[]): void {
  const topology = createTopology(document, problems);
  for (const { path, address } of endpointsOf(topology?.shards.values() ?? [])) {
    if (address.via !== undefined) continue;
    const message =
      'can not be led through the proxy; write all of the URL, with variables for its parts';
    problems.push({ path, message });
  }
}

/** What the tables can't say. */
function check({ shards }: Topology, problems: Problem[]): void {
  const users = new Map<string, Endpoint>();
  for (const { primary, replicas } of shards.values()) {
    const regions = new Set(replicas.map(({ region }) => region));
    if (regions.size > 1) {
      const message = `is in another region than others of its shard (${[...regions].join(', ')}); a hostgroup has none: leave it out`;
      problems.push({ path: replicas.at(-1)?.path ?? '', message });
    }
    for (const endpoint of [primary, ...replicas]) {
      const { path, address, role, shard } = endpoint;
      if (address.via !== undefined) {
        problems.push({ path, message: "leads through a proxy; write the server's own URL" });
      }
      const other = users.get(address.user) ?? endpoint;
      users.set(address.user, other);
      if (other.shard === shard && other.role === role) {
        if (
          other.address.password === address.password &&
          other.address.database === address.database
        )
          continue;
        const message = `has the user of ${other.path} with another password or database, and ProxySQL knows one of each`;
        problems.push({ path, message });
        continue;
      }
      const message = `has the user of ${other.path}, and ProxySQL leads a user to one hostgroup; give it one of its own`;
      problems.push({ path, message });
    }
  }
}

function tablesOf(
  shards: readonly Shard[],
  firstHostgroup: number,
  firstRule: number,
): ProxysqlTables {
  const servers: AdminRow[] = [];
  const hostgroups: AdminRow[] = [];
  const users = new Map<string, AdminRow>();
  for (const [index, { name, primary, replicas }] of shards.entries()) {
    const writer = firstHostgroup + 2 * index;
    const comment = `meridian ${name}`;
    const pair = { writer_hostgroup: writer, reader_hostgroup: writer + 1 };
    hostgroups.push({ ...pair, check_type: 'read_only', comment });
    for (const { role, address } of [primary, ...replicas]) {
      const hostgroup = role === 'primary' ? writer : writer + 1;
      const { host, port, user, password, database, tls } = address;
      const at = { hostgroup_id: hostgroup, hostname: host, port };
      servers.push({ ...at, use_ssl: tls === 'verify' ? 1 : 0, comment });
      users.set(user, {
        ...{ username: user, password, active: 1, default_hostgroup: hostgroup },
        ...{ default_schema: database, transaction_persistent: 1, fast_forward: 0, comment },
      });
    }
  }
  const rules = [...users.values()].map(
    ({ username = '', default_hostgroup = 0, comment = '' }, index) => ({
      ...{
        rule_id: firstRule + index,
        active: 1,
        username,
        destination_hostgroup: default_hostgroup,
      },
      ...{ retries: 0, apply: 1, comment },
    }),
  );
  return {
    mysql_servers: servers,
    mysql_replication_hostgroups: hostgroups,
    mysql_users: [...users.values()],
    mysql_query_rules: rules,
    global_variables: [{ variable_name: 'mysql-set_query_lock_on_hostgroup', variable_value: '1' }],
  };
}

function sqlOf(tables: ProxysqlTables): string {
  const { mysql_servers, mysql_replication_hostgroups, mysql_users, mysql_query_rules } = tables;
  const hostgroups = mysql_replication_hostgroups.flatMap(({ writer_hostgroup = 0 }) => [
    writer_hostgroup,
    Number(writer_hostgroup) + 1,
  ]);
  return [
    // A server that is of no shard any more would be asked still.
    `DELETE FROM mysql_servers WHERE hostgroup_id IN (${hostgroups.map(literal).join(', ')});`,
    ...mysql_servers.map((row) => putRow('mysql_servers', row)),
    ...mysql_replication_hostgroups.map((row) => putRow('mysql_replication_hostgroups', row)),
    ...mysql_users.map((row) => putRow('mysql_users', row)),
    ...mysql_query_rules.map((row) => putRow('mysql_query_rules', row)),
    ...tables.global_variables.map((row) => putRow('global_variables', row)),
    ...putToUse,
    '',
  ].join('\n');
}

/** The URL of a document, with the proxy for its host. What is in its user and password stays as it was written. */
function proxied(url: string, { proxy, tls }: ProxysqlSettings): string {
  const parameters = ['via=proxysql', ...(tls === undefined ? [] : [`tls=${tls}`])].join('&');
  return url.replace(/^([a-z]+:\/\/[^@/]*@)[^/?#@]*(\/[^?]*).*$/is, (_, user, database) => {
    return `${user}${proxy}${database}?${parameters}`;
  });
}

function through(
  document: TopologyDocument,
  topology: Topology,
  options: ProxysqlSettings,
): TopologyDocument {
  const shards = Object.entries(document.shards).map(([name, shard]) => {
    // Behind the proxy the replicas are one: it chooses among them.
    const [replica] = shard.replicas ?? [];
    const region = topology.shards.get(name)?.replicas[0]?.region;
    const url = typeof replica === 'string' ? replica : replica?.url;
    const replicas =
      url === undefined ? [] : [{ url: proxied(url, options), ...(region && { region }) }];
    return [name, { ...shard, primary: proxied(shard.primary, options), replicas }];
  });
  return { ...document, shards: Object.fromEntries(shards) };
}
