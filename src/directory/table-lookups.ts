import type { ReadThrough } from '../cache/read-through.ts';
import { didYouMean } from '../config/did-you-mean.ts';
import { RoutingError } from '../errors/routing-error.ts';
import type { LookupPlan } from '../rows/schema/lookup-plan.ts';
import type { ClaimedWrites } from './claimed-write.ts';
import type { Directory } from './directory.ts';
import type { LookupValues } from './lookup-values.ts';

/** One lookup of a table, as its reads and writes use it. */
export interface TableLookup {
  readonly plan: LookupPlan;
  readonly values: LookupValues;
  /** The texts of row keys, by value; undefined where the table is not cached. */
  readonly cache: ReadThrough<string> | undefined;
}

/** All lookups of a table. */
export class TableLookups {
  readonly directory: Directory;
  readonly writes: ClaimedWrites;
  readonly all: readonly TableLookup[];
  readonly #byColumn: ReadonlyMap<string, TableLookup>;

  constructor(directory: Directory, writes: ClaimedWrites, all: readonly TableLookup[]) {
    this.directory = directory;
    this.writes = writes;
    this.all = all;
    this.#byColumn = new Map(all.map((lookup) => [lookup.plan.column, lookup]));
  }

  find(column: string): TableLookup | undefined {
    return this.#byColumn.get(column);
  }

  /** The lookups by these columns. */
  among(columns: readonly string[]): TableLookup[] {
    return this.all.filter(({ plan }) => columns.includes(plan.column));
  }
}

/** The lookup of a name, among those of its table. */
export interface NamedLookup {
  readonly lookup: TableLookup;
  readonly lookups: TableLookups;
}

/** The lookup of a name. @throws {RoutingError} when the table declares none of that name. */
export function lookupOf(
  table: string,
  lookups: TableLookups | undefined,
  column: string,
): NamedLookup {
  const lookup = lookups?.find(column);
  if (lookups === undefined || lookup === undefined) return noLookup(table, lookups, column);
  return { lookup, lookups };
}

/** Refuses a name that no lookup has. */
export function noLookup(table: string, lookups: TableLookups | undefined, column: string): never {
  const declared = lookups?.all.map(({ plan }) => plan.column) ?? [];
  throw new RoutingError(
    `Table '${table}' declares no lookup '${column}'${didYouMean(column, declared)}; ` +
      `${declared.length === 0 ? 'it has none' : `it has ${declared.join(', ')}`}. Declare it: lookups: { ${column}: { unique: true } }.`,
    { table, lookup: column },
  );
}
