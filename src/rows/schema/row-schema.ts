import type { z } from 'zod';
import type { FreshnessOptions } from '../../cache/cache-options.ts';

/** A zod object whose fields are the table's columns. */
export type RowSchema = z.ZodObject;

/** The same type as one object, so that an editor shows its columns and not how it came about. */
export type Flat<T> = { [Column in keyof T]: T[Column] } & {};

export type RowOf<Schema extends RowSchema> = Flat<Readonly<z.output<Schema>>>;
export type ColumnOf<Schema extends RowSchema> = keyof z.output<Schema> & string;

/**
 * How rows of a table are cached. Default: not at all.
 *
 * While the database can't answer, a row past its time stands in as `staleIfErrorMs` allows.
 *
 * @example
 * const cache: CachePolicy = { ttlMs: 60_000, staleMs: 30_000, staleIfErrorMs: 600_000 };
 */
export interface CachePolicy<Column extends string = string> extends Readonly<FreshnessOptions> {
  /**
   * `false` keeps no row in this process: then no row is served that was out of date when it was asked
   * for, as long as Redis can be reached. Default `true`.
   */
  readonly memory?: boolean;
  /** Rows in memory; those used least recently leave first. Default 10,000. */
  readonly maxEntries?: number;
  /** Bytes of rows in memory, about. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Bytes of JSON past which a row is compressed in Redis. Default: never. */
  readonly compressOverBytes?: number;
  /**
   * A column of whole numbers that every change of the row raises. With it an older row never replaces
   * a newer one in Redis, and a row that was not changed within `maxLagMs` may be loaded from a replica.
   * All services that share the table name the same column. Default: none, and rows are loaded from the
   * primary.
   */
  readonly version?: Column;
  /**
   * Milliseconds by which replicas are behind at most. For so long Redis remembers of each row that it was
   * changed, and loads of it go to the primary. The same in all services that share the table; with
   * `version` only. Default 300,000.
   */
  readonly maxLagMs?: number;
  /** The part of the reads that are compared with the primary aside, 0 to 1. Default 0. */
  readonly shadowRate?: number;
}
