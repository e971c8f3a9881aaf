import { AbortedError } from '../errors/call-error.ts';
import type { Executor } from '../execution/executor.ts';
import { type StreamLimits, streamRows } from '../execution/row-stream.ts';
import type { Statement } from '../mysql/sql/sql.ts';
import { type Consistency, endpointOrder } from '../routing/endpoint-order.ts';
import type { Shard } from '../topology/topology.ts';
import type { MergeSource, OrderBy } from './merge.ts';
import type { OrderedColumn } from './value-order.ts';

export interface Merge {
  /**
   * The order of the merged rows, by columns that the statement selects; its own ORDER BY must be the
   * same. Text is sorted as the server does: its weights are selected beside it.
   */
  readonly orderBy?: OrderBy;
  /** Rows in all. Give the statement the same LIMIT, so that no shard sends more; another is refused. */
  readonly limit?: number;
}

/** How the parts of the shards become what is handed out. */
export type Combine<T> = (
  sources: readonly MergeSource[],
  onOpen: (() => Promise<void>) | undefined,
) => AsyncGenerator<T, void, undefined>;

export interface ScatterRequest<T> {
  readonly shards: readonly Shard[];
  readonly statement: Statement;
  readonly consistencyOf: (shard: Shard) => Consistency;
  /** Where the process runs: replicas there come first. */
  readonly here: string | undefined;
  /** Of each shard's stream; `whole` is ended when enough was read or a shard failed. */
  readonly limits: StreamLimits;
  /** Awaited when every shard has begun to answer, before the first row is handed out. */
  readonly onOpen?: () => Promise<void>;
  readonly combine: Combine<T>;
  /** Results at most. */
  readonly limit: number;
}

/**
 * Runs one statement on every shard and gives their rows as one result, or one by one. When a shard fails, or
 * enough rows were read, what still runs elsewhere is ended.
 */
export async function* scatter<T>(
  executor: Executor,
  { shards, statement, consistencyOf, here, limits, combine, limit, onOpen }: ScatterRequest<T>,
): AsyncGenerator<T, void, undefined> {
  const sources = shards.map((shard): MergeSource => {
    let columns: readonly OrderedColumn[] = [];
    const endpoints = endpointOrder(shard, consistencyOf(shard), 0, here);
    return {
      shard: shard.name,
      columns: () => columns,
      rows: streamRows(executor, endpoints, statement, limits, (received) => {
        columns = received;
      }),
    };
  });
  let taken = 0;
  try {
    if (limit === 0) return;
    for await (const row of combine(sources, onOpen)) {
      yield row;
      if (++taken >= limit) return;
    }
  } finally {
    limits.whole.cancel(new AbortedError('The scatter is over.'));
    // Ending a source whose statement failed throws that failure again; it is being thrown already.
    await Promise.allSettled(sources.map(({ rows }) => rows.return()));
  }
}
