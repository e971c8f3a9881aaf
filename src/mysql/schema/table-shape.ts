import type { Cancellation } from '../server/cancellation.ts';
import type { Session } from '../server/session.ts';

/** One column as information_schema describes it. */
export interface ColumnShape {
  readonly name: string;
  /** `varchar`, `bigint`, `datetime`: lower case, without length. */
  readonly dataType: string;
  /** `bigint(20) unsigned`: the whole type, with an ENUM's members as they are spelt. */
  readonly columnType: string;
  readonly nullable: boolean;
  readonly collation: string | undefined;
  /** Characters or bytes that fit; undefined for numbers and times. */
  readonly length: number | undefined;
  /** Digits after the second of a time. */
  readonly fraction: number | undefined;
  /** Its values are computed by the server, so it can't be written. */
  readonly generated: boolean;
  readonly hasDefault: boolean;
  /** The server draws its values where none is given. */
  readonly autoIncrement: boolean;
}

export interface TableShape {
  readonly columns: ReadonlyMap<string, ColumnShape>;
  readonly primaryKey: readonly string[];
}

const columnsQuery = `SELECT table_name AS tbl, column_name AS name, data_type AS dataType,
  column_type AS columnType, is_nullable AS nullable, collation_name AS collation,
  character_maximum_length AS length, datetime_precision AS fraction, extra AS extra, column_key AS keyKind,
  column_default IS NOT NULL AS hasDefault
  FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position`;

/** The shape of every table in the session's database, by name. */
export async function readTableShapes(
  session: Session,
  cancellation: Cancellation,
): Promise<ReadonlyMap<string, TableShape>> {
  const { rows } = await session.run({ sql: columnsQuery, params: [] }, cancellation);
  const tables = new Map<
    string,
    TableShape & { columns: Map<string, ColumnShape>; primaryKey: string[] }
  >();
  for (const row of rows) {
    const table = String(row.tbl);
    const shape = tables.get(table) ?? { columns: new Map<string, ColumnShape>(), primaryKey: [] };
    tables.set(table, shape);
    const name = String(row.name);
    const extra = String(row.extra ?? '').toLowerCase();
    shape.columns.set(name, {
      name,
      dataType: String(row.dataType).toLowerCase(),
      columnType: String(row.columnType),
      nullable: row.nullable === 'YES',
      collation: row.collation === null ? undefined : String(row.collation),
      length: row.length === null ? undefined : Number(row.length),
      fraction: row.fraction === null ? undefined : Number(row.fraction),
      generated: /\b(virtual|stored|generated)\b/.test(extra.replace('default_generated', '')),
      hasDefault: Number(row.hasDefault) === 1 || extra.includes('auto_increment'),
      autoIncrement: extra.includes('auto_increment'),
    });
    if (row.keyKind === 'PRI') shape.primaryKey.push(name);
  }
  return tables;
}

/** `table.column` for every column that an index of the session's database begins with. */
export async function readLeadingColumns(
  session: Session,
  cancellation: Cancellation,
): Promise<ReadonlySet<string>> {
  const sql = `SELECT DISTINCT table_name AS tbl, column_name AS name FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND seq_in_index = 1`;
  const { rows } = await session.run({ sql, params: [] }, cancellation);
  return new Set(rows.map((row) => `${row.tbl}.${row.name}`));
}

/** Tables whose old rows the server keeps, with the times at which they were written (MariaDB). */
export async function readVersionedTables(
  session: Session,
  cancellation: Cancellation,
): Promise<ReadonlySet<string>> {
  const sql = `SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_type = 'SYSTEM VERSIONED'`;
  const { rows } = await session.run({ sql, params: [] }, cancellation);
  return new Set(rows.map(({ name }) => String(name)));
}

/** The most bytes that the server takes as one statement with its parameters. */
export async function readMaxPacketBytes(
  session: Session,
  cancellation: Cancellation,
): Promise<number> {
  const sql = 'SELECT @@max_allowed_packet AS bytes';
  const { rows } = await session.run({ sql, params: [] }, cancellation);
  return Number(rows[0]?.bytes);
}
