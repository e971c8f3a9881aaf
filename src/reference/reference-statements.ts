import { quoteName, type SqlValue, type Statement } from '../mysql/sql/sql.ts';

/** Texts for tables that every shard holds in full. */
export interface ReferenceStatements {
  /**
   * Adds a row unless one of its unique values is taken, and locks the row that holds them to the
   * end of the transaction. It never changes a row: which one would be changed, with
   * `ON DUPLICATE KEY UPDATE`, depends on every unique key of the table and on collations.
   */
  claim(row: readonly SqlValue[]): Statement;
  /** The first rows in the order of the key. */
  firstRows(limit: number): Statement;
}

export function referenceStatements(
  table: string,
  columns: readonly string[],
  key: string,
): ReferenceStatements {
  const name = quoteName(table);
  const keyName = quoteName(key);
  const columnList = columns.map(quoteName).join(', ');
  const marks = columns.map(() => '?').join(', ');
  const claim = `INSERT INTO ${name} (${columnList}) VALUES (${marks}) ON DUPLICATE KEY UPDATE ${keyName} = ${keyName}`;
  const select = `SELECT ${columnList} FROM ${name} ORDER BY ${keyName} LIMIT `;
  return {
    claim: (row) => ({ sql: claim, params: row }),
    // A bound number travels as a double, which MySQL refuses as a LIMIT.
    firstRows: (limit) => ({ sql: `${select}${limit}`, params: [], once: true }),
  };
}
