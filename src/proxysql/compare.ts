import type { RawRow } from '../mysql/sql/sql.ts';
import {
  type AdminRow,
  keysOf,
  literal,
  type ProxysqlTables,
  putRow,
  putToUse,
} from './admin-tables.ts';

/**
 * One thing that a ProxySQL does not do as its configuration says. No passwords are in it.
 *
 * @see {@link proxysqlDoctor}
 */
export interface ProxysqlDifference {
  readonly table: keyof ProxysqlTables;
  /** Which row, by its key: `rule_id=3`. */
  readonly row: string;
  readonly message: string;
  /** What mends it: SQL for the admin interface, or what to do. */
  readonly cure: string;
}

/** What runs, by the tables `runtime_…`. */
export type RuntimeTables = Readonly<Record<keyof ProxysqlTables, readonly RawRow[]>>;

/** Tells everything that runs otherwise than it is meant. */
export function compare(meant: ProxysqlTables, runs: RuntimeTables): ProxysqlDifference[] {
  return [
    ...servers(meant, runs.mysql_servers),
    ...rows('mysql_replication_hostgroups', meant, runs.mysql_replication_hostgroups),
    // Of each user there are two: the one that services log in as, and the one that the proxy does.
    ...rows(
      'mysql_users',
      meant,
      runs.mysql_users.filter(({ frontend }) => text(frontend) !== '0'),
    ),
    ...rows('mysql_query_rules', meant, runs.mysql_query_rules),
    ...rulesThatDoMore(meant, runs.mysql_query_rules),
    ...rulesBefore(meant, runs.mysql_query_rules),
    ...rows('global_variables', meant, runs.global_variables),
  ];
}

/** Columns that say nothing of what is done, or that the runtime shows as a hash. */
const unseen = new Set(['comment', 'password']);

function rows(
  table: Exclude<keyof ProxysqlTables, 'mysql_servers'>,
  meant: ProxysqlTables,
  running: readonly RawRow[],
): ProxysqlDifference[] {
  return meant[table].flatMap((row) => {
    const is = running.find((one) => isSame(table, row, one));
    if (is === undefined) return [difference(table, row, 'is not there')];
    const columns = Object.keys(row).filter((column) => !unseen.has(column));
    return columns.flatMap((column) => {
      const [want, have] = [text(row[column]), text(is[column])];
      return want === have
        ? []
        : [difference(table, row, `has ${column} '${have}', not '${want}'`)];
    });
  });
}

/** What a rule must not do beside leading a user: a session is not held to a hostgroup where a rule says `multiplex`. */
const nothingIn = [
  ...[
    'multiplex',
    'schemaname',
    'client_addr',
    'proxy_addr',
    'proxy_port',
    'digest',
    'match_digest',
  ],
  ...['match_pattern', 'flagOUT', 'replace_pattern', 'cache_ttl', 'timeout', 'mirror_flagOUT'],
  ...['mirror_hostgroup', 'error_msg', 'OK_msg', 'sticky_conn'],
];

function rulesThatDoMore(meant: ProxysqlTables, running: readonly RawRow[]): ProxysqlDifference[] {
  return meant.mysql_query_rules.flatMap((row) => {
    const is = running.find((one) => isSame('mysql_query_rules', row, one));
    const more = nothingIn.filter((column) => is !== undefined && text(is[column]) !== '');
    if (more.length === 0) return [];
    return [
      difference('mysql_query_rules', row, `says ${more.join(' and ')}, where it must say nothing`),
    ];
  });
}

/** A row of a rule that is none of ours and sees our statements first. */
function rulesBefore(meant: ProxysqlTables, running: readonly RawRow[]): ProxysqlDifference[] {
  const own = new Set(meant.mysql_query_rules.map(({ rule_id }) => text(rule_id)));
  const users = new Set(meant.mysql_query_rules.map(({ username }) => text(username)));
  const last = Math.max(...meant.mysql_query_rules.map(({ rule_id }) => Number(rule_id)));
  return running
    .filter(
      ({ rule_id, active, username, flagIN }) =>
        Number(rule_id) < last &&
        !own.has(text(rule_id)) &&
        text(active) === '1' &&
        text(flagIN) === '0' &&
        (username === null || users.has(text(username))),
    )
    .map(({ rule_id }) => ({
      table: 'mysql_query_rules',
      row: `rule_id=${text(rule_id)}`,
      message:
        'comes before the rules of Meridian: it may send a statement elsewhere, change it, or answer it from its cache',
      cure: `UPDATE mysql_query_rules SET rule_id = rule_id + 100000 WHERE rule_id = ${Number(rule_id)}; LOAD MYSQL QUERY RULES TO RUNTIME;`,
    }));
}

/** A monitor moves servers between the two hostgroups of a shard, and a primary may be a reader too. */
function servers(meant: ProxysqlTables, running: readonly RawRow[]): ProxysqlDifference[] {
  return meant.mysql_replication_hostgroups.flatMap(({ writer_hostgroup, reader_hostgroup }) => {
    const groups = [text(writer_hostgroup), text(reader_hostgroup)];
    const wanted = meant.mysql_servers.filter((row) => groups.includes(text(row.hostgroup_id)));
    const found = running.filter((row) => groups.includes(text(row.hostgroup_id)));
    const known = new Set(wanted.map(placeOf));
    const found_ = new Set(found.map(placeOf));
    const writers = found.filter((row) => text(row.hostgroup_id) === groups[0]);
    return [
      ...wanted
        .filter((row) => !found_.has(placeOf(row)))
        .map((row) => difference('mysql_servers', row, 'is not there')),
      ...found.filter((row) => !known.has(placeOf(row))).map(stranger),
      ...found.filter(({ status }) => text(status) !== 'ONLINE').map(unwell),
      ...misplacedWriters(wanted, writers, text(writer_hostgroup)),
    ];
  });
}

function misplacedWriters(
  wanted: readonly AdminRow[],
  writers: readonly RawRow[],
  hostgroup: string,
): ProxysqlDifference[] {
  const primary = wanted.find((row) => text(row.hostgroup_id) === hostgroup);
  const others = writers.filter(
    (row) => primary !== undefined && placeOf(row) !== placeOf(primary),
  );
  return others.map((row) => ({
    table: 'mysql_servers',
    row: `hostgroup_id=${hostgroup}, ${placeOf(row)}`,
    message: 'takes the writes of the shard, and is not its primary in the document',
    cure: 'If it was promoted, make it the primary of the document, under a larger epoch; else let it be read-only',
  }));
}

function stranger(row: RawRow): ProxysqlDifference {
  const at = `hostgroup_id = ${Number(row.hostgroup_id)} AND hostname = ${literal(text(row.hostname))} AND port = ${Number(row.port)}`;
  return {
    table: 'mysql_servers',
    row: `hostgroup_id=${text(row.hostgroup_id)}, ${placeOf(row)}`,
    message: 'is no server of the shard',
    cure: `DELETE FROM mysql_servers WHERE ${at}; LOAD MYSQL SERVERS TO RUNTIME;`,
  };
}

function unwell(row: RawRow): ProxysqlDifference {
  return {
    table: 'mysql_servers',
    row: `hostgroup_id=${text(row.hostgroup_id)}, ${placeOf(row)}`,
    message: `is ${text(row.status)}`,
    cure: 'Look whether the server is up, and what the tables monitor.mysql_server_…_log say of it',
  };
}

function difference(
  table: keyof ProxysqlTables,
  row: AdminRow,
  message: string,
): ProxysqlDifference {
  const key = keysOf[table].map((column) => `${column}=${text(row[column])}`).join(', ');
  const { password, ...shown } = row;
  const cure =
    password === undefined
      ? [putRow(table, shown), ...putToUse.filter((one) => one.startsWith('LOAD'))].join(' ')
      : 'Run the SQL of proxysqlConfig again: it has the passwords';
  return { table, row: key, message, cure };
}

function isSame(table: keyof ProxysqlTables, row: AdminRow, other: RawRow): boolean {
  return keysOf[table].every((column) => text(row[column]) === text(other[column]));
}

function placeOf({ hostname, port }: AdminRow | RawRow): string {
  return `${text(hostname)}:${text(port)}`;
}

function text(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}
