import { MergeError } from '../errors/scatter-error.ts';
import { assertDistinct } from '../mysql/sql/distinct-columns.ts';
import { compareWeights, readTextRule, type TextRule } from './text-order.ts';
import { isText, type OrderedColumn, valueOrder } from './value-order.ts';

export type OrderBy = readonly (readonly [column: string, direction: 'asc' | 'desc'])[];

/** A column to merge by, and where its weight as text is selected beside it. */
export interface MergeTerm {
  readonly name: string;
  /** -1: descending. */
  readonly sign: 1 | -1;
  /** The column that holds WEIGHT_STRING of it; undefined where that could not be selected. */
  readonly weight?: string;
  /** The column that tells by what rule its weights are compared, see `readTextRule`. */
  readonly rule?: string;
}

export type MergeOrder = readonly MergeTerm[];

/** One shard's part of a result. */
export interface MergeSource {
  readonly shard: string;
  readonly rows: AsyncGenerator<Row, void, undefined>;
  /** Known once the first row, or the end, has arrived. */
  columns(): readonly OrderedColumn[];
}

export type Row = Readonly<Record<string, unknown>>;

/** What a row is sorted by: a value for each term. */
type SortKey = readonly unknown[];

interface Head<Source> {
  readonly source: Source;
  readonly position: number;
  readonly row: Row;
  readonly key: SortKey;
}

/**
 * Merges what the shards sorted into one order: O(log shards) a row, one row of each shard in
 * memory. Without an order the parts follow each other as they are.
 *
 * @throws {MergeError} when a shard's rows do not come in this order, or it can't be reproduced.
 */
export async function* mergeRows(
  sources: readonly MergeSource[],
  mergeOrder: MergeOrder | undefined,
  onOpen?: () => Promise<void>,
): AsyncGenerator<Row, void, undefined> {
  // All shards begin to work at once, whichever is read first.
  const first = await Promise.all(sources.map(({ rows }) => rows.next()));
  for (const source of sources) assertDistinct(source.columns());
  await onOpen?.();
  const firsts = sources.flatMap((source, position) => {
    const result = first[position];
    return result === undefined || result.done ? [] : [{ source, position, row: result.value }];
  });
  if (mergeOrder === undefined) {
    for (const { source, row } of firsts) {
      yield row;
      yield* source.rows;
    }
    return;
  }
  const heads = new Heads(mergeOrder, firsts);
  for (let head = heads.take(); head !== undefined; head = heads.take()) {
    yield head.row;
    const next = await head.source.rows.next();
    if (!next.done) heads.follow(head, next.value);
  }
}

/** One shard's part of a result, all of it. */
export interface CollectedPart {
  readonly shard: string;
  readonly rows: readonly Row[];
  readonly columns: readonly OrderedColumn[];
}

/**
 * Like {@link mergeRows}, of parts that are there: up to `limit` rows.
 *
 * @throws {MergeError} when a shard's rows do not come in this order, or it can't be reproduced.
 */
export function mergeParts(
  parts: readonly CollectedPart[],
  mergeOrder: MergeOrder | undefined,
  limit: number,
): Row[] {
  if (mergeOrder === undefined) return parts.flatMap(({ rows }) => rows).slice(0, limit);
  const firsts = parts.flatMap(({ shard, rows, columns }, position) => {
    const [row] = rows;
    const source = { shard, columns: () => columns, rows, next: 1 };
    return row === undefined ? [] : [{ source, position, row }];
  });
  const heads = new Heads(mergeOrder, firsts);
  const merged: Row[] = [];
  while (merged.length < limit) {
    const head = heads.take();
    if (head === undefined) break;
    merged.push(head.row);
    const next = head.source.rows[head.source.next++];
    if (next !== undefined) heads.follow(head, next);
  }
  return merged;
}

/** The next row of each source, the first of them in front. */
class Heads<Source extends Pick<MergeSource, 'shard' | 'columns'>> {
  readonly #order: RowOrder;
  readonly #heads: Head<Source>[];

  constructor(order: MergeOrder, firsts: readonly Omit<Head<Source>, 'key'>[]) {
    this.#order = new RowOrder(order, firsts[0]?.source.columns() ?? []);
    this.#heads = firsts
      .map((first) => ({ ...first, key: this.#order.keyOf(first.row) }))
      .sort(this.#compare);
  }

  take(): Head<Source> | undefined {
    return this.#heads.shift();
  }

  /** Puts the row that follows another of the same source in its place. */
  follow({ source, position, key: before }: Head<Source>, row: Row): void {
    const key = this.#order.keyOf(row);
    if (this.#order.compare(before, key) > 0) {
      throw new MergeError(
        `The rows of ${source.shard} do not come in the order of merge.orderBy; ` +
          'give the statement the same ORDER BY.',
      );
    }
    insertSorted(this.#heads, { source, position, row, key }, this.#compare);
  }

  readonly #compare = (a: Head<Source>, b: Head<Source>) =>
    this.#order.compare(a.key, b.key) || a.position - b.position;
}

/** The weight of a text with the rule for it; null for NULL. */
type Weighed = { readonly weight: Uint8Array; readonly rule: TextRule } | null;

/** How the rows of a result are sorted. */
class RowOrder {
  readonly #terms: readonly {
    readonly term: MergeTerm;
    readonly isText: boolean;
    readonly compare: (a: unknown, b: unknown) => number;
  }[];
  readonly #hidden: readonly string[];
  readonly #rules = new Map<unknown, TextRule>();

  constructor(order: MergeOrder, columns: readonly OrderedColumn[]) {
    this.#hidden = order.flatMap(({ weight, rule }) => [weight ?? [], rule ?? []].flat());
    // Without a column there is no row.
    const known = columns.length === 0 ? [] : order;
    this.#terms = known.map((term) => {
      const column = columns.find(({ name }) => name === term.name);
      if (column === undefined) {
        throw new MergeError(
          `merge.orderBy names '${term.name}', which the statement does not select.`,
        );
      }
      return isText(column)
        ? { term, isText: true, compare: textOrder(term) }
        : { term, isText: false, compare: valueOrder(column) };
    });
  }

  /** Takes from a row what it is sorted by, and away from it what was selected for that alone. */
  keyOf(row: Row): SortKey {
    const key = this.#terms.map(({ term, isText: isWeighed }) =>
      isWeighed ? this.#weigh(term, row) : row[term.name],
    );
    for (const name of this.#hidden) Reflect.deleteProperty(row, name);
    return key;
  }

  compare(a: SortKey, b: SortKey): number {
    for (const [index, { term, compare }] of this.#terms.entries()) {
      const result = compare(a[index], b[index]);
      if (result !== 0) return result * term.sign;
    }
    return 0;
  }

  #weigh({ name, weight, rule }: MergeTerm, row: Row): Weighed {
    if (row[name] === null) return null;
    const bytes = weight === undefined ? undefined : row[weight];
    if (rule === undefined || !(bytes instanceof Uint8Array)) throw noWeight(name);
    const told = row[rule];
    let known = this.#rules.get(told);
    if (known === undefined) {
      known = readTextRule(told, name);
      this.#rules.set(told, known);
    }
    return { weight: bytes, rule: known };
  }
}

function textOrder({ name }: MergeTerm): (a: unknown, b: unknown) => number {
  return (a, b) => {
    if (!isWeighed(a) || !isWeighed(b)) return Number(isWeighed(a)) - Number(isWeighed(b));
    if (a.rule.collation !== b.rule.collation) {
      throw new MergeError(
        `Column '${name}' has collation ${a.rule.collation} on one shard and ${b.rule.collation} on another, ` +
          'which sort differently. Give it the same one everywhere.',
      );
    }
    return compareWeights(a.weight, b.weight, a.rule, name);
  };
}

function isWeighed(value: unknown): value is NonNullable<Weighed> {
  return typeof value === 'object' && value !== null && 'weight' in value;
}

function noWeight(name: string): MergeError {
  return new MergeError(
    `The server tells no weight of text column '${name}', by which it sorts. ` +
      'Select and order by a plain column, or an expression without parameters.',
  );
}

function insertSorted<T>(sorted: T[], item: T, compare: (a: T, b: T) => number): void {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = sorted[middle];
    if (other !== undefined && compare(other, item) < 0) low = middle + 1;
    else high = middle;
  }
  sorted.splice(low, 0, item);
}
