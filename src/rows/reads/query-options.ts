import type { RowSchema, Table } from '../schema/define-table.ts';
import type { Key } from '../schema/row-types.ts';
import type { ReadOptions } from './read-path.ts';

export interface QueryOptions<Schema extends RowSchema | undefined = undefined>
  extends ReadOptions {
  /** Gives the rows types, and their values the types' forms. */
  readonly schema?: Schema;
}

/** How long a stream waits for its reader. */
export interface ReaderOptions {
  /**
   * Milliseconds, once to twice, after which a stream whose next row nobody asks for gives its
   * connections back; asked again, it throws a {@link TimeoutError}. Default 60,000; Infinity for
   * readers who take their time.
   */
  readonly readerTimeoutMs?: number | undefined;
}

export interface ListOptions<T extends Table> extends ReadOptions {
  /** Rows at most, 1 to 10,000. Default 100. */
  readonly limit?: number;
  /** The primary key of the last row of the page before. Default: from the start. */
  readonly after?: Key<T>;
}
