import { MergeError } from '../errors/scatter-error.ts';
import { assertDistinct } from '../mysql/distinct-columns.ts';
import { type OrderedColumn, type ValueOrder, valueOrder } from './value-order.ts';

export type OrderBy = readonly (readonly [column: string, direction: 'asc' | 'desc'])[];

/** One shard's part of a result. */
export interface MergeSource {
  readonly shard: string;
  readonly rows: AsyncGenerator<Readonly<Record<string, unknown>>, void, undefined>;
  /** Known once the first row, or the end, has arrived. */
  columns(): readonly OrderedColumn[];
}

type Row = Readonly<Record<string, unknown>>;
type RowOrder = (a: Row, b: Row) => number;

interface Head {
  readonly source: MergeSource;
  readonly position: number;
  readonly row: Row;
}

/**
 * Merges what the shards sorted into one order: O(log shards) a row, one row of each shard in
 * memory. Without `orderBy` the parts follow each other in the order of the sources.
 *
 * @throws {MergeError} when a shard's rows do not come in this order, or it can't be reproduced.
 */
export async function* mergeRows(
  sources: readonly MergeSource[],
  orderBy: OrderBy | undefined,
  onOpen?: () => Promise<void>,
): AsyncGenerator<Row, void, undefined> {
  // All shards begin to work at once, whichever is read first.
  const first = await Promise.all(sources.map(({ rows }) => rows.next()));
  for (const source of sources) assertDistinct(source.columns());
  await onOpen?.();
  const heads = sources.flatMap((source, position): Head[] => {
    const result = first[position];
    return result === undefined || result.done ? [] : [{ source, position, row: result.value }];
  });
  if (orderBy === undefined) {
    for (const { source, row } of heads) {
      yield row;
      yield* source.rows;
    }
    return;
  }
  const order = rowOrder(orderBy, heads[0]?.source.columns() ?? []);
  const compare = (a: Head, b: Head) => order(a.row, b.row) || a.position - b.position;
  heads.sort(compare);
  for (let head = heads.shift(); head !== undefined; head = heads.shift()) {
    yield head.row;
    const next = await head.source.rows.next();
    if (next.done) continue;
    if (order(head.row, next.value) > 0) {
      throw new MergeError(
        `The rows of ${head.source.shard} do not come in the order of merge.orderBy; ` +
          'give the statement the same ORDER BY.',
      );
    }
    insertSorted(heads, { ...head, row: next.value }, compare);
  }
}

function rowOrder(orderBy: OrderBy, columns: readonly OrderedColumn[]): RowOrder {
  if (columns.length === 0) return () => 0;
  const terms = orderBy.map(([name, direction]): [string, ValueOrder, number] => {
    const column = columns.find((candidate) => candidate.name === name);
    if (column === undefined) {
      throw new MergeError(`merge.orderBy names '${name}', which the statement does not select.`);
    }
    return [name, valueOrder(column), direction === 'desc' ? -1 : 1];
  });
  return (a, b) => {
    for (const [name, order, sign] of terms) {
      const result = order(a[name], b[name]);
      if (result !== 0) return result * sign;
    }
    return 0;
  };
}

function insertSorted(heads: Head[], head: Head, compare: (a: Head, b: Head) => number): void {
  let low = 0;
  let high = heads.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = heads[middle];
    if (other !== undefined && compare(other, head) < 0) low = middle + 1;
    else high = middle;
  }
  heads.splice(low, 0, head);
}
