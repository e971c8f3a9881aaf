import type { SqlValue } from '../mysql/sql/sql.ts';
import type { QueryOptions, ReaderOptions } from '../rows/reads/query-options.ts';
import type { RowSchema } from '../rows/schema/define-table.ts';
import type { QueryResult } from '../rows/schema/row-types.ts';
import type { Merge } from './scatter.ts';

/**
 * Which shards are asked, and how their rows become one list.
 *
 * @example
 * await data.users.everywhere.query('SELECT name FROM users ORDER BY name LIMIT 10', [], {
 *   regions: ['eu'],
 *   merge: { orderBy: [['name', 'asc']], limit: 10 },
 * });
 */
export interface ScatterOptions<Schema extends RowSchema | undefined = undefined>
  extends QueryOptions<Schema> {
  /** Asks only the shards of these regions. Default: all. */
  readonly regions?: readonly string[];
  /** How the rows of several shards become one list. Default: one after the other, unsorted. */
  readonly merge?: Merge;
  /** Rows that `query` collects at most before it refuses. Default 100,000. */
  readonly maxRows?: number;
}

/**
 * Reads over all shards of a keyspace.
 *
 * @example
 * const perShard = await data.users.everywhere.each('SELECT COUNT(*) AS n FROM users');
 * for await (const user of data.users.everywhere.stream('SELECT name FROM users')) await send(user);
 */
export interface EverywhereHandle {
  /**
   * One statement on every shard, whose rows are one result. ORDER BY and LIMIT must be those of `merge`.
   *
   * @throws {MergeError} when more than one shard is asked and the statement sorts, cuts or sums up (ORDER
   * BY and LIMIT without `merge`, OFFSET, DISTINCT, GROUP BY, HAVING, UNION, aggregates, OVER; in subqueries
   * too), for which there is `each`; when the order can't be reproduced, or there are more than `maxRows`; {@link ResidencyError} when it would ask shards of a
   * strict region whose rows this process may not hold: see `regions`.
   */
  query<Schema extends RowSchema | undefined = undefined>(
    sql: string,
    params?: readonly SqlValue[],
    options?: ScatterOptions<Schema>,
  ): Promise<QueryResult<Schema>[]>;
  /**
   * One statement on every shard, and the answer of each by itself, in the order of the shards: for sums
   * and counts, which the service puts together. What each says is of its own rows only.
   *
   * @throws {MergeError} when there are more than `maxRows` in all; {@link ResidencyError} as `query`. When
   * a shard fails, so does the call.
   */
  each<Schema extends RowSchema | undefined = undefined>(
    sql: string,
    params?: readonly SqlValue[],
    options?: Omit<ScatterOptions<Schema>, 'merge'>,
  ): Promise<{ readonly shard: string; readonly rows: readonly QueryResult<Schema>[] }[]>;
  /** Like `query`, row by row and without a bound. */
  stream<Schema extends RowSchema | undefined = undefined>(
    sql: string,
    params?: readonly SqlValue[],
    options?: ScatterOptions<Schema> & ReaderOptions,
  ): AsyncGenerator<QueryResult<Schema>, void, undefined>;
}
