import { AbortedError } from '../errors/call-error.ts';
import { MergeError } from '../errors/scatter-error.ts';
import { deferred } from '../execution/deferred.ts';
import type { Executor } from '../execution/executor.ts';
import { collectRows, type StreamLimits, streamRows } from '../execution/row-stream.ts';
import { assertDistinct } from '../mysql/sql/distinct-columns.ts';
import type { Statement } from '../mysql/sql/sql.ts';
import { type Consistency, endpointOrder } from '../routing/endpoint-order.ts';
import type { Shard } from '../topology/topology.ts';
import {
  type CollectedPart,
  type MergeOrder,
  type MergeSource,
  mergeRows,
  type OrderBy,
  type Row,
} from './merge.ts';
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

/** One statement for every shard. */
export interface ScatterRequest {
  readonly shards: readonly Shard[];
  readonly statement: Statement;
  readonly consistencyOf: (shard: Shard) => Consistency;
  /** Where the process runs: replicas there come first. */
  readonly here: string | undefined;
  /** Of each shard's statement; `whole` is ended when a shard failed. */
  readonly limits: StreamLimits;
  /** Awaited when every shard has begun to answer, before the first row is handed out. */
  readonly onOpen?: () => Promise<void>;
}

/** How the rows of the shards become one stream. */
export interface Merged {
  readonly order: MergeOrder | undefined;
  /** Rows in all, at most. */
  readonly limit: number;
}

/**
 * Runs one statement on every shard and gives their rows one by one, as they arrive. When a shard fails, what still
 * runs elsewhere is ended; when enough rows were read, what is left is read too where it is little.
 */
export async function* scatter(
  executor: Executor,
  { shards, statement, consistencyOf, here, limits, onOpen }: ScatterRequest,
  { order, limit }: Merged,
): AsyncGenerator<Row, void, undefined> {
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
    for await (const row of mergeRows(sources, order, onOpen)) {
      yield row;
      if (++taken >= limit) return;
    }
  } catch (error) {
    // Some may still wait for their first row.
    limits.whole.cancel(scatterOver());
    throw error;
  } finally {
    // Ending a source whose statement failed throws that failure again; it is being thrown already.
    await Promise.allSettled(sources.map(({ rows }) => rows.return()));
  }
}

/**
 * Runs one statement on every shard and gives all rows of each, in the order of the shards. When one fails, what still
 * runs elsewhere is ended.
 *
 * @throws {MergeError} when they have more than `maxRows` in all.
 */
export async function collect(
  executor: Executor,
  { shards, statement, consistencyOf, here, limits, onOpen }: ScatterRequest,
  maxRows: number,
): Promise<CollectedPart[]> {
  let rows = 0;
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown) => {
    failure ??= { error };
    limits.whole.cancel(scatterOver());
  };
  const asked = shards.map((shard) => {
    const begun = deferred<void>();
    const endpoints = endpointOrder(shard, consistencyOf(shard), 0, here);
    const answer = collectRows(executor, endpoints, statement, limits, () => {
      begun.resolve();
      if (++rows > maxRows) limits.whole.cancel(tooMany(maxRows));
    });
    const part = answer.then(({ rows: own, columns }) => ({
      shard: shard.name,
      rows: own,
      columns,
    }));
    part.catch(fail).finally(begun.resolve);
    return { part, begun: begun.promise };
  });
  let isStable = false;
  const opened = Promise.all(asked.map(({ begun }) => begun)).then(async () => {
    if (failure !== undefined) return;
    await onOpen?.();
    isStable = true;
  });
  opened.catch(fail);
  await Promise.allSettled([opened, ...asked.map(({ part }) => part)]);
  if (failure !== undefined) {
    // Of an owner who moved meanwhile the rows may be counted twice.
    if (rows > maxRows && !isStable) await onOpen?.();
    throw failure.error;
  }
  const parts = await Promise.all(asked.map(({ part }) => part));
  for (const { columns } of parts) assertDistinct(columns);
  return parts;
}

function scatterOver(): AbortedError {
  return new AbortedError('The scatter is over.');
}

export function tooMany(maxRows: number): MergeError {
  return new MergeError(
    `The shards have more than ${maxRows} rows for this; use everywhere.stream(), a limit, or a higher maxRows.`,
  );
}
