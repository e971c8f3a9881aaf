import type { RowSchema, Table } from '../schema/define-table.ts';
import type { Key } from '../schema/row-types.ts';
import type { ReadOptions } from './read-path.ts';

/**
 * How rows of a statement are read.
 *
 * @example
 * const [row] = await data.payments.at(account).query('SELECT SUM(cents) AS sum FROM payments WHERE account = ?', [account], {
 *   schema: z.object({ sum: z.bigint().nullable() }),
 * });
 */
export interface QueryOptions<Schema extends RowSchema | undefined = undefined>
  extends ReadOptions {
  /** Gives the rows types, and their values the types' forms. */
  readonly schema?: Schema;
}

/**
 * How long a stream waits for its reader.
 *
 * @example
 * for await (const row of data.users.everywhere.stream('SELECT * FROM users', [], { readerTimeoutMs: 10_000 })) {
 *   await send(row);
 * }
 */
export interface ReaderOptions {
  /**
   * Milliseconds, once to twice, after which a stream whose next row nobody asks for gives its
   * connections back; asked again, it throws a {@link TimeoutError}. Default 60,000; Infinity for
   * readers who take their time.
   */
  readonly readerTimeoutMs?: number | undefined;
}

/**
 * Which part of a list is read.
 *
 * @example
 * const first = await data.addresses.at(id).list({ limit: 100 });
 * const next = await data.addresses.at(id).list({ limit: 100, after: first.at(-1)?.id ?? '' });
 */
export interface ListOptions<T extends Table> extends ReadOptions {
  /** Rows at most, 1 to 10,000. Default 100. */
  readonly limit?: number;
  /** The primary key of the last row of the page before. Default: from the start. */
  readonly after?: Key<T>;
}
