import type { z } from 'zod';
import type { ShardResult } from '../errors/scatter-error.ts';
import type { CallOptions } from '../execution/call-gate.ts';
import type { ReferenceExplanation } from '../routing/nearest-shards.ts';
import type { ReadOptions } from '../rows/reads/read-path.ts';
import type { ReferenceTable } from '../rows/schema/reference-table.ts';
import type { Flat } from '../rows/schema/row-schema.ts';

/**
 * What a write of a reference table did; every shard has taken it.
 *
 * @example
 * const { results }: ReferenceWriteResult = await data.currencies.delete('DEM');
 */
export interface ReferenceWriteResult {
  /** One a shard. `rows`: 1 where a row was put or deleted, 0 where there was none to delete. */
  readonly results: readonly ShardResult[];
  /**
   * `pending`: the row is written, but Redis did not confirm that it forgot the old one. It is told
   * again; until then other processes may serve the old row for at most ttl + stale.
   */
  readonly invalidation: 'done' | 'pending';
}

/**
 * How many rows are read, and how many are taken.
 *
 * @example
 * await data.currencies.all({ limit: 50 });
 */
export interface AllOptions extends ReadOptions {
  /** Rows at most, the first ones in the order of the key. Default: all. */
  readonly limit?: number;
  /** Rows that are collected at most before the call refuses. Default 100,000. */
  readonly maxRows?: number;
}

type ReferenceRow<T extends ReferenceTable> = Flat<Readonly<z.output<T['schema']>>>;
type ReferenceKey<T extends ReferenceTable> = ReferenceRow<T>[T['primaryKey']];

/**
 * A reference table of a running data layer: read from the nearest shard, written to all.
 *
 * @example
 * await data.currencies.put({ code: 'EUR', digits: 2 });
 * const euro = await data.currencies.get('EUR');
 * const all = await data.currencies.all();
 */
export interface ReferenceHandle<T extends ReferenceTable> {
  /**
   * The row with this primary key, or null: from the cache, else from the nearest shard that
   * answers. Reads of one tick travel together.
   *
   * @throws {RoutingError} when the key can't be one of this table; {@link UnavailableError},
   * {@link TimeoutError}, {@link CircuitOpenError} or {@link OverloadError} when no shard can answer.
   */
  get(key: ReferenceKey<T>, options?: ReadOptions): Promise<ReferenceRow<T> | null>;
  /** Rows in the order of `keys`, null where there is none. */
  getMany(
    keys: readonly ReferenceKey<T>[],
    options?: ReadOptions,
  ): Promise<(ReferenceRow<T> | null)[]>;
  /**
   * The rows in the order of the key (as its column's collation has it), past the cache.
   *
   * @throws {MergeError} when there are more than `maxRows`.
   */
  all(options?: AllOptions): Promise<ReferenceRow<T>[]>;
  /**
   * Stores a row on every shard, in place of the one with this key if there is one. May be repeated.
   * Writers of one row come one after the other, in the same order on every shard.
   *
   * @throws {PartialWriteError} with what became of it on each shard when some did not take it:
   * repeat the call until it succeeds. When no shard took it, the plain error; {@link RowError} when
   * it breaks the schema; {@link DuplicateKeyError} when another row holds one of its unique values.
   */
  put(row: z.input<T['schema']>, options?: CallOptions): Promise<ReferenceWriteResult>;
  /** Deletes a row on every shard, if it is there. May be repeated; throws what `put` throws. */
  delete(key: ReferenceKey<T>, options?: CallOptions): Promise<ReferenceWriteResult>;
  /** Which shard a read asks first, and why. No I/O. @throws {RoutingError} */
  explain(key: ReferenceKey<T>): ReferenceExplanation;
}
