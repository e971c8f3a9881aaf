import type { SqlValue } from '../../mysql/sql/sql.ts';
import type { ChangeScope } from '../../rows/raw/change-scope.ts';
import type { RowSchema, Table } from '../../rows/schema/define-table.ts';
import type {
  Key,
  NewRow,
  Patch,
  QueryResult,
  Row,
  Tables,
  Touches,
} from '../../rows/schema/row-types.ts';

/**
 * Whether rows that are read stay locked until the end of the transaction.
 *
 * @example
 * await data.payments.at(account).transaction(async (trx) => {
 *   const payment = await trx.payments.get(id, { forUpdate: true });
 *   await trx.payments.update(id, { cents: (payment?.cents ?? 0n) + 100n });
 * });
 */
export interface LockOptions {
  /**
   * Reads the newest version of the row, and keeps everybody else from changing it until the
   * transaction ends: for a change that depends on what it reads. Without it a read shows the row as it
   * was when the transaction first read anything (REPEATABLE READ), and others may change it meanwhile.
   * Where there is no such row nothing is promised: the server may let others insert it, or make them wait.
   * Default `false`.
   */
  readonly forUpdate?: boolean;
}

/**
 * A table inside a transaction. Its reads ask the database, never the cache.
 *
 * @see {@link Transaction}
 */
export interface TransactionTable<T extends Table> {
  /** @throws {RoutingError} when the row is of another slot than the transaction's. */
  get(key: Key<T>, options?: LockOptions): Promise<Row<T> | null>;
  /**
   * Rows in the order of `keys`, null where there is none. They are locked in the order of the primary
   * key, so that transactions which lock their rows together never wait for each other in a circle. One
   * statement for 256 rows.
   *
   * @throws {RoutingError} when a row is of another slot than the transaction's.
   */
  getMany(keys: readonly Key<T>[], options?: LockOptions): Promise<(Row<T> | null)[]>;
  insert(row: NewRow<T>): Promise<Row<T>>;
  update(key: Key<T>, patch: Patch<T>): Promise<{ readonly affected: number }>;
  delete(key: Key<T>): Promise<{ readonly affected: number }>;
}

/**
 * What a transaction's body is given: raw statements, and the tables of its keyspace by name.
 *
 * @example
 * await data.payments.at(account).transaction(async (trx) => {
 *   const { id } = await trx.payments.insert({ account, cents: 4_200n });
 *   await trx.execute('UPDATE payments SET cents = cents - 200 WHERE id = ?', [id]);
 * });
 */
export type Transaction<KeyspaceName extends string, All extends Tables> = {
  readonly [Name in keyof All as All[Name] extends Table<string, KeyspaceName>
    ? Name
    : never]: All[Name] extends Table ? TransactionTable<All[Name]> : never;
} & {
  query<Schema extends RowSchema | undefined = undefined>(
    sql: string,
    params?: readonly SqlValue[],
    options?: { readonly schema?: Schema },
  ): Promise<QueryResult<Schema>[]>;
  /**
   * Runs a change. `insertId` is the AUTO_INCREMENT number of its new row, of several that of the first;
   * with ON DUPLICATE KEY UPDATE it may be that of a row that was there before.
   *
   * @throws {RoutingError} when the key that `at()` was given is not among the parameters and `scope` is
   * not `'shard'`; when the statement gives rows (RETURNING).
   */
  execute(
    sql: string,
    params?: readonly SqlValue[],
    options?: { readonly touches?: Touches<All>; readonly scope?: ChangeScope },
  ): Promise<{ readonly affected: number; readonly insertId: bigint | undefined }>;
  /**
   * Runs `body` so that what it did is undone when it throws, and the transaction goes on. While it
   * runs, only the handle that it is given works. Tables with lookups can't be written in it.
   *
   * @throws what `body` throws; {@link RolledBackError} when the database rolled back all of the
   * transaction, which then can't go on.
   */
  savepoint<R>(body: (nested: Transaction<KeyspaceName, All>) => Promise<R>): Promise<R>;
};
