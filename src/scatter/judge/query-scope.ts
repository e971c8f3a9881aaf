import type { Equality, NamedColumn } from './owner-equality.ts';
import type { PlacedTable, PlacingColumn } from './placed-table.ts';

/** Something in a FROM whose rows are spread over the shards. */
export interface Spread {
  /** As it is called in a message. */
  readonly name: string;
  /** Undefined for what the service does not declare, and for a query. */
  readonly table: PlacedTable | undefined;
}

/** What columns of a query block may mean, and which of its tables have their rows of one owner together. */
export class QueryScope {
  readonly outer: QueryScope | undefined;
  readonly #sources = new Map<string, Spread | undefined>();
  readonly #spread = new Set<Spread>();
  readonly #joined = new Map<Spread, Spread>();

  constructor(outer: QueryScope | undefined) {
    this.outer = outer;
  }

  /** @returns whether no other source has this alias, to a server for which letter cases are one. */
  add(alias: string, source: Spread | undefined): boolean {
    if (this.#sources.has(alias)) return false;
    this.#sources.set(alias, source);
    if (source !== undefined) this.#spread.add(source);
    return true;
  }

  /** The tables of this block itself. */
  get spread(): readonly Spread[] {
    return [...this.#spread];
  }

  join(a: Spread, b: Spread): void {
    const [first, second] = [this.#rootOf(a), this.#rootOf(b)];
    if (first !== second) this.#joined.set(first, second);
  }

  areJoined(a: Spread, b: Spread): boolean {
    return this.#rootOf(a) === this.#rootOf(b);
  }

  /** The two tables whose rows of one owner an equality puts together; undefined where it does not. */
  paired({ columns: [a, b], ofBytes }: Equality): readonly [Spread, Spread] | undefined {
    const [left, right] = [this.find(a), this.find(b)];
    if (left === undefined || right === undefined) return undefined;
    return isSamePlace([left, a.column], [right, b.column], ofBytes) ? [left, right] : undefined;
  }

  /** The table that a column is of, here or around; without its table's name only one of this block. */
  find({ table, column }: NamedColumn): Spread | undefined {
    if (table === undefined) {
      const having = this.spread.filter((source) => source.table?.columns.has(column));
      return having.length === 1 ? having[0] : undefined;
    }
    return this.#sources.has(table)
      ? this.#sources.get(table)
      : this.outer?.find({ table, column });
  }

  /** A spread table of this query, or else of one around it. */
  nearest(): Spread | undefined {
    return this.spread[0] ?? this.outer?.nearest();
  }

  has(source: Spread): boolean {
    return this.#spread.has(source);
  }

  #rootOf(source: Spread): Spread {
    let root = source;
    for (let next = this.#joined.get(root); next !== undefined; next = this.#joined.get(root)) {
      root = next;
    }
    return root;
  }
}

/** Whether two columns, where they are equal, say that their rows are on one shard. */
export function isSamePlace(
  [left, leftColumn]: readonly [Spread, string],
  [right, rightColumn]: readonly [Spread, string],
  ofBytes: boolean,
): boolean {
  const [a, b] = [left.table, right.table];
  if (a === undefined || b === undefined) return false;
  const isAlike = (one: PlacingColumn, other: PlacingColumn) =>
    one.name === leftColumn &&
    other.name === rightColumn &&
    one.form === other.form &&
    (ofBytes ? one.collation === other.collation : one.isExact && other.isExact);
  if (a.name === b.name && isAlike(a.key, b.key)) return true;
  return a.home === b.home && isAlike(a.owner, b.owner);
}
