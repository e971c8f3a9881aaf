/**
 * A row of a table of the admin interface; NULL where it has no such column here.
 *
 * @see {@link proxysqlConfig}
 */
export type AdminRow = Readonly<Record<string, string | number>>;

/**
 * What a ProxySQL must hold, by its admin tables. `mysql_users` has passwords.
 *
 * @see {@link proxysqlConfig}
 */
export interface ProxysqlTables {
  readonly mysql_servers: readonly AdminRow[];
  readonly mysql_replication_hostgroups: readonly AdminRow[];
  readonly mysql_users: readonly AdminRow[];
  readonly mysql_query_rules: readonly AdminRow[];
  readonly global_variables: readonly AdminRow[];
}

/** The columns that tell a row of a table from others. */
export const keysOf = {
  mysql_servers: ['hostgroup_id', 'hostname', 'port'],
  mysql_replication_hostgroups: ['writer_hostgroup'],
  mysql_users: ['username'],
  mysql_query_rules: ['rule_id'],
  global_variables: ['variable_name'],
} as const satisfies Record<keyof ProxysqlTables, readonly string[]>;

/** The admin interface is SQLite, where a quote is doubled, and a backslash a letter; the client `mysql` takes it for more. */
export function literal(value: string | number): string {
  return typeof value === 'number' ? String(value) : quoted(value);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''").replaceAll('\\', "'||char(92)||'")}'`;
}

/** Puts one row in place of the one that has its key. */
export function putRow(table: keyof ProxysqlTables, row: AdminRow): string {
  if (table === 'global_variables') {
    const { variable_name: name = '', variable_value: value = '' } = row;
    return `UPDATE global_variables SET variable_value = ${literal(value)} WHERE variable_name = ${literal(name)};`;
  }
  const values = Object.values(row).map(literal).join(', ');
  return `REPLACE INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${values});`;
}

/** Puts tables to use, and keeps them over a restart. */
export const putToUse = ['SERVERS', 'USERS', 'QUERY RULES', 'VARIABLES'].flatMap((what) => [
  `LOAD MYSQL ${what} TO RUNTIME;`,
  `SAVE MYSQL ${what} TO DISK;`,
]);
