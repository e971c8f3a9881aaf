import { systemPrefix } from '../mysql/schema/system-tables.ts';
import type { Cancellation } from '../mysql/server/cancellation.ts';
import type { Session } from '../mysql/server/session.ts';
import { quoteName } from '../mysql/sql/sql.ts';

/** How much one table holds. */
export interface TableSize {
  readonly table: string;
  readonly rows: number;
  /** Data and indexes. */
  readonly bytes: number;
}

// MySQL keeps its figures for a day unless it is told not to; MariaDB always looks. The comment is
// executable there and not here.
const freshFigures =
  'SET SESSION sql_mode=@@SESSION.sql_mode /*!80000 , information_schema_stats_expiry=0 */';

const sizesQuery = `SELECT table_name AS tbl, table_rows AS n, data_length + index_length AS bytes
  FROM information_schema.tables
  WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND LEFT(table_name, ${systemPrefix.length}) <> '${systemPrefix}'
  ORDER BY table_name`;

/**
 * What every table of the session's database holds, Meridian's own excepted. Rows are the server's
 * estimate, unless `exact` counts them: one full scan of an index a table.
 */
export async function readTableSizes(
  session: Session,
  exact: boolean,
  cancellation: Cancellation,
): Promise<TableSize[]> {
  await session.control(freshFigures, cancellation);
  const { rows } = await session.run({ sql: sizesQuery, params: [] }, cancellation);
  const sizes: TableSize[] = [];
  for (const { tbl, n, bytes } of rows) {
    const table = String(tbl);
    const counted = exact ? await countRows(session, table, cancellation) : Number(n ?? 0);
    sizes.push({ table, rows: counted, bytes: Number(bytes ?? 0) });
  }
  return sizes;
}

async function countRows(
  session: Session,
  table: string,
  cancellation: Cancellation,
): Promise<number> {
  const sql = `SELECT COUNT(*) AS n FROM ${quoteName(table)}`;
  const { rows } = await session.run({ sql, params: [], once: true }, cancellation);
  return Number(rows[0]?.n);
}
