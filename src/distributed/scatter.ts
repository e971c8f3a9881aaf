import { AbortedError } from '../errors/call-error.ts';
import type { Executor } from '../execution/executor.ts';
import { type StreamLimits, streamRows } from '../execution/row-stream.ts';
import type { Statement } from '../mysql/sql.ts';
import { type Consistency, endpointOrder } from '../routing/endpoint-order.ts';
import type { Shard } from '../topology/topology.ts';
import { type MergeSource, mergeRows, type OrderBy } from './merge.ts';
import type { OrderedColumn } from './value-order.ts';

export interface Merge {
  /** The order of the merged rows; the statement must sort its own rows the same way. */
  readonly orderBy?: OrderBy;
  /** Rows in all. Give the statement the same LIMIT, so that no shard sends more. */
  readonly limit?: number;
}

export interface ScatterRequest {
  readonly shards: readonly Shard[];
  readonly statement: Statement;
  readonly consistencyOf: (shard: Shard) => Consistency;
  /** Where the process runs: replicas there come first. */
  readonly here: string | undefined;
  /** Of each shard's stream; `whole` is ended when enough was read or a shard failed. */
  readonly limits: StreamLimits;
  /** Awaited when every shard has begun to answer, before the first row is handed out. */
  readonly onOpen?: () => Promise<void>;
  readonly merge: Merge;
}

/**
 * Runs one statement on every shard and gives their rows as one result. When a shard fails, or
 * enough rows were read, what still runs elsewhere is ended.
 */
export async function* scatter(
  executor: Executor,
  { shards, statement, consistencyOf, here, limits, merge, onOpen }: ScatterRequest,
): AsyncGenerator<Readonly<Record<string, unknown>>, void, undefined> {
  const { orderBy, limit = Number.POSITIVE_INFINITY } = merge;
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
    for await (const row of mergeRows(sources, orderBy, onOpen)) {
      yield row;
      if (++taken >= limit) return;
    }
  } finally {
    limits.whole.cancel(new AbortedError('The scatter is over.'));
    // Ending a source whose statement failed throws that failure again; it is being thrown already.
    await Promise.allSettled(sources.map(({ rows }) => rows.return()));
  }
}
