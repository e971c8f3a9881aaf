import { forwardTable } from '../forwarding/forward-table.ts';
import type { ColumnShape, TableShape } from '../mysql/schema/table-shape.ts';
import { quoteName, type RawRow, type SqlValue, type Statement } from '../mysql/sql/sql.ts';
import { pastForeignKeys } from './foreign-keys.ts';

/** One table of a group whose rows are copied from one database to another. */
export interface CopiedTable {
  readonly table: string;
  readonly primaryKey: ColumnShape;
  readonly ownerColumn: ColumnShape;
  /** All that are stored, in the order of the table. */
  readonly columns: readonly ColumnShape[];
}

const spatial = new Set([
  'geometry',
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geometrycollection',
  'vector',
]);
const times = new Set(['date', 'datetime', 'timestamp', 'time', 'year']);
const bytes = new Set([
  'binary',
  'varbinary',
  'tinyblob',
  'blob',
  'mediumblob',
  'longblob',
  'bit',
  ...spatial,
]);

/** The columns that must be copied; those that the server computes are computed again. */
export function storedColumns(shape: TableShape): ColumnShape[] {
  return [...shape.columns.values()].filter(({ generated }) => !generated);
}

/** Columns whose values the driver can't carry unchanged. */
export function uncopyableColumns(columns: readonly ColumnShape[]): string[] {
  return columns.filter(({ dataType }) => spatial.has(dataType)).map(({ name }) => name);
}

/** Times travel as text: a Date would lose what is finer than a millisecond, or no date at all. */
function carried({ name, dataType }: ColumnShape): string {
  const column = quoteName(name);
  return times.has(dataType) ? `CAST(${column} AS CHAR) AS ${column}` : column;
}

/** One chunk of an owner's rows in key order, locked, after the last key of the chunk before. */
export function selectChunk(
  { table, primaryKey, ownerColumn, columns }: CopiedTable,
  owner: SqlValue,
  after: SqlValue | undefined,
  rows: number,
): Statement {
  const key = quoteName(primaryKey.name);
  return {
    sql:
      `SELECT ${columns.map(carried).join(', ')} FROM ${quoteName(table)} WHERE ${quoteName(ownerColumn.name)} = ?` +
      `${after === undefined ? '' : ` AND ${key} > ?`} ORDER BY ${key} LIMIT ${rows} FOR UPDATE`,
    params: after === undefined ? [owner] : [owner, after],
  };
}

export function insertChunk({ table, columns }: CopiedTable, rows: readonly RawRow[]): Statement {
  const row = `(${columns.map(() => '?').join(', ')})`;
  return {
    sql:
      `${pastForeignKeys.insert} INTO ${quoteName(table)} (${columns.map(({ name }) => quoteName(name)).join(', ')}) ` +
      `VALUES ${rows.map(() => row).join(', ')}`,
    params: rows.flatMap((raw) => columns.map(({ name }) => sqlValue(raw[name]))),
    once: true,
  };
}

/** Columns in which a server keeps JSON of its own: of more types than JSON text tells. */
export function typedJsonColumns({ columns }: CopiedTable): readonly ColumnShape[] {
  return columns.filter(({ dataType }) => dataType === 'json');
}

/**
 * How many of an owner's rows hold JSON that would come back from its text as something else: a date, a
 * time, bytes or a DECIMAL, which functions of SQL made. One number a column, by its place.
 */
export function countTypedJson(
  { table, ownerColumn }: CopiedTable,
  columns: readonly ColumnShape[],
  owner: SqlValue,
): Statement {
  const counts = columns.map(({ name }, place) => {
    const value = quoteName(name);
    const text = `CAST(${value} AS CHAR)`;
    const again = `CAST(${text} AS JSON)`;
    return `COALESCE(SUM(NOT (${value} <=> ${again}) OR ${text} <> CAST(${again} AS CHAR)), 0) AS c${place}`;
  });
  return {
    sql: `SELECT ${counts.join(', ')} FROM ${quoteName(table)} WHERE ${quoteName(ownerColumn.name)} = ?`,
    params: [owner],
    once: true,
  };
}

/**
 * How many rows an owner has and 128 bits over all their columns, whatever the order of the rows:
 * the same on both sides when each row was copied bit by bit. A locking read, as all of a move's are: a
 * plain one takes a snapshot, and `innodb_snapshot_isolation` refuses to lock what others change after it.
 */
export function checksum({ table, ownerColumn, columns }: CopiedTable, owner: SqlValue): Statement {
  const row = digest(`CONCAT_WS(',', ${columns.map(hashable).join(', ')})`);
  const half = (start: number) =>
    `COALESCE(BIT_XOR(CAST(CONV(SUBSTR(${row}, ${start}, 16), 16, 10) AS UNSIGNED)), 0)`;
  return {
    sql:
      `SELECT COUNT(*) AS numberOfRows, CAST(${half(1)} AS CHAR) AS high, CAST(${half(17)} AS CHAR) AS low ` +
      `FROM ${quoteName(table)} WHERE ${quoteName(ownerColumn.name)} = ? LOCK IN SHARE MODE`,
    params: [owner],
    once: true,
  };
}

/** A hash of each value: no value can pass for the border between two, or be too long together. */
function hashable({ name, dataType }: ColumnShape): string {
  const column = quoteName(name);
  if (bytes.has(dataType)) return `COALESCE(${digest(column)}, '-')`;
  // A FLOAT as text has six digits; as a DOUBLE it has all of its own.
  const value = dataType === 'float' ? `${column} + 0e0` : column;
  return `COALESCE(${digest(`CAST(${value} AS CHAR)`)}, '-')`;
}

/** What every server has: newer ones of MySQL have no MD5 any more. */
const digest = (value: string) => `SHA2(${value}, 256)`;

/** Leaves a redirect for each of an owner's rows. */
export function forwardRows(
  { table, primaryKey, ownerColumn }: CopiedTable,
  owner: SqlValue,
  locator: number,
  moveId: Buffer,
): Statement {
  return {
    sql:
      `INSERT INTO ${forwardTable} (row_table, row_id, locator, move_id) ` +
      `SELECT ?, ${idBytes(primaryKey)}, ?, ? FROM ${quoteName(table)} WHERE ${quoteName(ownerColumn.name)} = ? ` +
      'ON DUPLICATE KEY UPDATE locator = VALUES(locator), move_id = VALUES(move_id)',
    params: [table, locator, moveId, owner],
  };
}

/** The keys of an owner's rows. */
export function ownedIds(
  { table, primaryKey, ownerColumn }: CopiedTable,
  owner: SqlValue,
): Statement {
  return {
    sql: `SELECT ${idBytes(primaryKey)} AS id FROM ${quoteName(table)} WHERE ${quoteName(ownerColumn.name)} = ?`,
    params: [owner],
  };
}

/** Rows that are back need no redirect any more. */
export function forgetForwards(
  { table, primaryKey, ownerColumn }: CopiedTable,
  owner: SqlValue,
): Statement {
  return {
    sql:
      `DELETE FROM ${forwardTable} WHERE row_table = ? AND row_id IN ` +
      `(SELECT ${idBytes(primaryKey)} FROM ${quoteName(table)} WHERE ${quoteName(ownerColumn.name)} = ?)`,
    params: [table, owner],
  };
}

export function deleteOwned({ table, ownerColumn }: CopiedTable, owner: SqlValue): Statement {
  return {
    sql: `${pastForeignKeys.delete} FROM ${quoteName(table)} WHERE ${quoteName(ownerColumn.name)} = ?`,
    params: [owner],
  };
}

export function setColumns(
  { table, ownerColumn }: CopiedTable,
  owner: SqlValue,
  patch: ReadonlyMap<string, SqlValue>,
): Statement {
  return {
    sql:
      `UPDATE ${quoteName(table)} SET ${[...patch.keys()].map((name) => `${quoteName(name)} = ?`).join(', ')} ` +
      `WHERE ${quoteName(ownerColumn.name)} = ?`,
    params: [...patch.values(), owner],
    once: true,
  };
}

export function isBinaryId({ dataType }: ColumnShape): boolean {
  return dataType === 'binary';
}

function idBytes(column: ColumnShape): string {
  const name = quoteName(column.name);
  return isBinaryId(column) ? name : `UNHEX(REPLACE(CAST(${name} AS CHAR), '-', ''))`;
}

/** A value as it came is a value that may be bound. */
export function sqlValue(raw: unknown): SqlValue {
  if (raw === null || raw === undefined) return null;
  switch (typeof raw) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return raw;
    default:
      if (raw instanceof Uint8Array || raw instanceof Date) return raw;
      throw new TypeError('the driver gave a value that can not be bound');
  }
}

/** The rows that left with a move. */
export const readForwarded = (moveId: Uint8Array): Statement => ({
  sql: `SELECT row_table AS tbl, row_id AS id FROM ${forwardTable} WHERE move_id = ?`,
  params: [moveId],
});
