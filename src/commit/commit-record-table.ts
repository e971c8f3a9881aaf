import { now, type SystemTable } from '../mysql/schema/system-tables.ts';
import type { Statement } from '../mysql/sql/sql.ts';

/** How work ended that spans two shards, under a unique token: whoever inserts the token first decides. */
export const commitRecordTable = 'meridian_settlement';

export const commitRecordDefinition: SystemTable = {
  name: commitRecordTable,
  columns: `token BINARY(16) NOT NULL PRIMARY KEY,
  outcome ENUM('applied', 'aborted', 'arrived') NOT NULL,
  settled_at ${now},
  KEY (settled_at)`,
};

/** How work that spans two shards ended. */
export type Outcome = 'applied' | 'aborted';

/** Rows have been copied here by a move that has not ended; kept until it has, however long. */
export type Arrived = 'arrived';

/** Records one outcome under a token; a duplicate key says that the other side was first. */
export function insertRecord(token: Uint8Array, outcome: Outcome | Arrived): Statement {
  return {
    sql: `INSERT INTO ${commitRecordTable} (token, outcome) VALUES (?, ?)`,
    params: [token, outcome],
  };
}

/** The outcome under a token, in the column `outcome`; no row while nobody has decided. */
export function selectRecord(token: Uint8Array): Statement {
  return { sql: `SELECT outcome FROM ${commitRecordTable} WHERE token = ?`, params: [token] };
}

/** Forgets a token under which nothing is left to resolve. */
export function deleteRecord(token: Uint8Array): Statement {
  return { sql: `DELETE FROM ${commitRecordTable} WHERE token = ?`, params: [token] };
}

/** Forgets up to `limit` tokens that were resolved longer ago than that, by the server's clock. */
export function deleteOldRecords(olderThanDays: number, limit: number): Statement {
  return {
    sql:
      `DELETE FROM ${commitRecordTable} WHERE outcome <> 'arrived' AND settled_at < NOW(6) - INTERVAL ? DAY ` +
      `ORDER BY settled_at LIMIT ${limit}`,
    params: [olderThanDays],
  };
}
