import type { ReadThrough } from '../cache/read-through.ts';
import { didYouMean } from '../config/did-you-mean.ts';
import { RoutingError } from '../errors/routing-error.ts';
import type { LookupPlan } from '../rows/schema/lookup-plan.ts';
import type { Directory } from './directory.ts';
import { cacheKeyOf, type LookupValues } from './lookup-values.ts';
import type { Reservation } from './reservation.ts';
import type { ReservedWrites } from './reserved-writes.ts';

/** One lookup of a table, as its reads and writes use it. */
export interface TableLookup {
  readonly plan: LookupPlan;
  readonly values: LookupValues;
  /** The texts of row keys, by value; undefined where the table is not cached. */
  readonly cache: ReadThrough<string> | undefined;
  readonly directory: Directory;
  readonly writes: ReservedWrites;
}

/** All lookups of a table. */
export class TableLookups {
  readonly all: readonly TableLookup[];
  readonly #table: string;
  readonly #byColumn: ReadonlyMap<string, TableLookup>;

  constructor(table: string, all: readonly TableLookup[]) {
    this.all = all;
    this.#table = table;
    this.#byColumn = new Map(all.map((lookup) => [lookup.plan.column, lookup]));
  }

  get columns(): string[] {
    return [...this.#byColumn.keys()];
  }

  /** The lookup of a name. @throws {RoutingError} when the table declares none of that name. */
  named(column: string): TableLookup {
    return this.#byColumn.get(column) ?? this.refuse(column);
  }

  /** Refuses a name that no lookup has. */
  refuse(column: string): never {
    const declared = this.columns;
    throw new RoutingError(
      `Table '${this.#table}' declares no lookup '${column}'${didYouMean(column, declared)}; ` +
        `${declared.length === 0 ? 'it has none' : `it has ${declared.join(', ')}`}. Declare it: lookups: { ${column}: { unique: true } }.`,
      { table: this.#table, lookup: column },
    );
  }

  /** The lookups that a change concerns, by the columns that it changes; null: the row goes. */
  concernedBy(after: Readonly<Record<string, unknown>> | null): readonly TableLookup[] {
    return after === null
      ? this.all
      : this.all.filter(({ plan }) => Object.hasOwn(after, plan.column));
  }

  /** Makes caches forget what they hold under values that were reserved. */
  async forget(reservations: readonly Reservation[]): Promise<'done' | 'pending'> {
    const keys = new Map<ReadThrough<string>, string[]>();
    for (const { column, value } of reservations) {
      const cache = this.#byColumn.get(column)?.cache;
      if (cache === undefined) continue;
      const key = cacheKeyOf(value);
      if (!keys.get(cache)?.push(key)) keys.set(cache, [key]);
    }
    const results = await Promise.all([...keys].map(([cache, texts]) => cache.invalidate(texts)));
    return results.includes('pending') ? 'pending' : 'done';
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(({ cache }) => cache?.close()));
  }
}
