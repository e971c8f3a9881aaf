import { quoteName, type SqlValue, type Statement } from '../mysql/sql/sql.ts';

/** Where the rows of a table are, as SQL needs to know it. */
export interface TableSource {
  readonly table: string;
  readonly columns: readonly string[];
  readonly key: string;
  /** False when the key's collation calls different keys equal, `ada` and `ADA` for one. */
  readonly exactKey: boolean;
  readonly shardKey: string;
  readonly exactShardKey: boolean;
}

/** Texts of one table, built once: a statement that never changes its text stays prepared. */
export interface TableStatements {
  /** `keys` is padded to the next power of two, so that few texts serve all sizes. */
  selectByKeys(keys: readonly SqlValue[]): Statement;
  /**
   * Rows of one shard key, in each of the forms in which it may be stored, in the order of their keys,
   * after the key `after`.
   */
  selectOwned(forms: readonly SqlValue[], after: SqlValue | undefined, limit: number): Statement;
  /** The same rows by keys as `selectByKeys`, which nobody else can change until the transaction ends. */
  lockByKeys(keys: readonly SqlValue[]): Statement;
  /** Keys and one column of up to `limit` rows, in the order of the keys, from after `after` on. */
  scan(column: string, after: SqlValue | undefined, limit: number): Statement;
  insert(rows: readonly (readonly SqlValue[])[]): Statement;
  update(columns: readonly string[], values: readonly SqlValue[], key: SqlValue): Statement;
  remove(key: SqlValue): Statement;
}

/** At most this many keys in one IN list, and rows in one INSERT. */
export const maxKeysPerStatement = 256;
export const maxRowsPerInsert = 256;

export function tableStatements({
  table,
  columns,
  key,
  exactKey,
  shardKey,
  exactShardKey,
}: TableSource): TableStatements {
  const name = quoteName(table);
  const keyName = quoteName(key);
  const columnList = columns.map(quoteName).join(', ');
  const select = `SELECT ${columnList} FROM ${name} WHERE ${keyName} IN `;
  const selectBySize = new Map<number, string>();
  const keyIs = isEqual(keyName, exactKey);
  const keyParams = (value: SqlValue) => (exactKey ? [value] : [value, value]);
  const ownedBy = isEqual(quoteName(shardKey), exactShardKey);

  const selectByKeys = (keys: readonly SqlValue[]): Statement => {
    const size = 2 ** Math.ceil(Math.log2(keys.length));
    let sql = selectBySize.get(size);
    if (sql === undefined) {
      sql = `${select}(${Array(size).fill('?').join(', ')})`;
      selectBySize.set(size, sql);
    }
    const params = keys.slice();
    const last = keys[keys.length - 1] ?? null;
    while (params.length < size) params.push(last);
    return { sql, params };
  };

  return {
    selectByKeys,
    lockByKeys(keys) {
      const { sql, params } = selectByKeys(keys);
      return { sql: `${sql} FOR UPDATE`, params };
    },
    selectOwned: (forms, after, limit) => ({
      sql:
        `SELECT ${columnList} FROM ${name} WHERE ${forms.length === 1 ? ownedBy : `(${forms.map(() => ownedBy).join(' OR ')})`}` +
        `${after === undefined ? '' : ` AND ${keyName} > ?`} ORDER BY ${keyName} LIMIT ?`,
      params: [
        ...forms.flatMap((owner) => (exactShardKey ? [owner] : [owner, owner])),
        ...(after === undefined ? [] : [after]),
        // As an integer: a double is no limit to the server.
        BigInt(limit),
      ],
    }),
    scan: (column, after, limit) => ({
      sql:
        `SELECT ${keyName}, ${quoteName(column)} FROM ${name} ` +
        `${after === undefined ? '' : `WHERE ${keyName} > ? `}ORDER BY ${keyName} LIMIT ${limit}`,
      params: after === undefined ? [] : [after],
    }),
    insert: inserts(`INSERT INTO ${name} (${columnList}) VALUES `, columns.length),
    update: (changed, values, keyValue) => ({
      sql: `UPDATE ${name} SET ${changed.map((column) => `${quoteName(column)} = ?`).join(', ')} WHERE ${keyIs}`,
      params: [...values, ...keyParams(keyValue)],
    }),
    remove: (keyValue) => ({
      sql: `DELETE FROM ${name} WHERE ${keyIs}`,
      params: keyParams(keyValue),
    }),
  };
}

/** INSERTs of rows of `columns` values: the texts of one row, and of as many as fit, stay prepared. */
function inserts(head: string, columns: number): TableStatements['insert'] {
  const row = `(${Array(columns).fill('?').join(', ')})`;
  const one = head + row;
  return (rows) => {
    const [first] = rows;
    if (rows.length === 1 && first !== undefined) return { sql: one, params: first, once: false };
    const sql = head + Array(rows.length).fill(row).join(', ');
    return { sql, params: rows.flat(), once: rows.length !== maxRowsPerInsert };
  };
}

/** The first comparison can use the index, the second makes SQL's idea of equality JavaScript's. */
function isEqual(column: string, exact: boolean): string {
  if (exact) return `${column} = ?`;
  return `${column} = ? AND CAST(CONVERT(${column} USING utf8mb4) AS BINARY) = CAST(CONVERT(? USING utf8mb4) AS BINARY)`;
}
