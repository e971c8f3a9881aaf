import type { Cancellation } from '../mysql/server/cancellation.ts';
import type { Session } from '../mysql/server/session.ts';
import { quoteName, type SqlValue, type Statement } from '../mysql/sql/sql.ts';

/** A rule that rows of one table refer to rows of another. */
export interface ForeignKey {
  readonly table: string;
  readonly columns: readonly string[];
  readonly parent: string;
  readonly parentColumns: readonly string[];
}

/** Every foreign key that refers to a table of the session's database. */
export async function readForeignKeys(
  session: Session,
  cancellation: Cancellation,
): Promise<ForeignKey[]> {
  const sql = `SELECT constraint_schema AS db, constraint_name AS constraintName,
    IF(table_schema = DATABASE(), table_name, CONCAT(table_schema, '.', table_name)) AS tbl, column_name AS name,
    referenced_table_name AS parent, referenced_column_name AS parentColumn
    FROM information_schema.key_column_usage WHERE referenced_table_schema = DATABASE()
    ORDER BY table_schema, table_name, constraint_name, ordinal_position`;
  const { rows } = await session.run({ sql, params: [] }, cancellation);
  const keys = new Map<string, ForeignKey & { columns: string[]; parentColumns: string[] }>();
  for (const { db, constraintName, tbl, name, parent, parentColumn } of rows) {
    const id = JSON.stringify([db, tbl, constraintName]);
    const key = keys.get(id) ?? {
      table: String(tbl),
      columns: [],
      parent: String(parent),
      parentColumns: [],
    };
    keys.set(id, key);
    key.columns.push(String(name));
    key.parentColumns.push(String(parentColumn));
  }
  return [...keys.values()];
}

/** Rows of an owner that refer to what is not there. */
export function danglingReference(
  key: ForeignKey,
  ownerColumn: string,
  owner: SqlValue,
): Statement {
  const given = key.columns.map((column) => `c.${quoteName(column)} IS NOT NULL`).join(' AND ');
  return {
    sql:
      `SELECT 1 AS found FROM ${quoteName(key.table)} c WHERE c.${quoteName(ownerColumn)} = ? AND ${given} ` +
      `AND NOT EXISTS (SELECT 1 FROM ${quoteName(key.parent)} p WHERE ${matches(key)}) LIMIT 1`,
    params: [owner],
    once: true,
  };
}

/** Rows of others that refer to an owner's. */
export function foreignReference(
  key: ForeignKey,
  child: { readonly ownerColumn: string; readonly owner: SqlValue },
  parent: { readonly ownerColumn: string; readonly owner: SqlValue },
): Statement {
  return {
    sql:
      `SELECT 1 AS found FROM ${quoteName(key.parent)} p JOIN ${quoteName(key.table)} c ON ${matches(key)} ` +
      `WHERE p.${quoteName(parent.ownerColumn)} = ? AND c.${quoteName(child.ownerColumn)} <> ? LIMIT 1 LOCK IN SHARE MODE`,
    params: [parent.owner, child.owner],
    once: true,
  };
}

/**
 * A statement that foreign keys neither refuse nor add to. MariaDB reads the first comment, MySQL the
 * second; nothing is left behind in the session.
 */
export const pastForeignKeys = {
  insert:
    '/*M! SET STATEMENT foreign_key_checks = 0 FOR */ INSERT /*+ SET_VAR(foreign_key_checks = OFF) */',
  delete:
    '/*M! SET STATEMENT foreign_key_checks = 0 FOR */ DELETE /*+ SET_VAR(foreign_key_checks = OFF) */',
};

function matches({ columns, parentColumns }: ForeignKey): string {
  return columns
    .map((column, index) => {
      return `c.${quoteName(column)} = p.${quoteName(parentColumns[index] ?? '')}`;
    })
    .join(' AND ');
}
