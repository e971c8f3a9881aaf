import type { z } from 'zod';

/** A zod object whose fields are the table's columns. */
export type RowSchema = z.ZodObject;

export type RowOf<Schema extends RowSchema> = Readonly<z.output<Schema>>;
export type ColumnOf<Schema extends RowSchema> = keyof z.output<Schema> & string;

/** How rows of a table are cached. Default: not at all. */
export interface CachePolicy {
  /** Milliseconds a row is served without asking the database. */
  readonly ttlMs: number;
  /**
   * Milliseconds past `ttlMs` in which the old row is served while a new one is loaded, and stands
   * in while the database can't answer. Default 0.
   */
  readonly staleMs?: number;
  /** Milliseconds that "no such row" is served. Default: the smaller of `ttlMs` and 1,000. */
  readonly negativeTtlMs?: number;
  /**
   * Milliseconds this process serves from memory without asking Redis; so long may it miss what
   * another process wrote. Default: the smaller of `ttlMs` and 1,000; `ttlMs` without Redis.
   */
  readonly memoryTtlMs?: number;
  /** Rows in memory; those used least recently leave first. Default 10,000. */
  readonly maxEntries?: number;
}
