import { MergeError } from '../errors/scatter-error.ts';
import { assertDistinct } from '../mysql/sql/distinct-columns.ts';
import type { MergeSource, Row } from './merge.ts';
import type { Combine } from './scatter.ts';

/** One shard's answer to a statement that all were asked. */
export interface ShardRows {
  readonly shard: string;
  readonly rows: readonly Row[];
}

/**
 * Collects the rows of each shard by themselves, in the order of the shards.
 *
 * @throws {MergeError} when they are more than `maxRows` in all.
 */
export function eachShard(maxRows: number): Combine<ShardRows> {
  return async function* (sources, onOpen) {
    const first = await Promise.all(sources.map(({ rows }) => rows.next()));
    for (const source of sources) assertDistinct(source.columns());
    await onOpen?.();
    let left = maxRows;
    const collect = async (source: MergeSource, index: number): Promise<ShardRows> => {
      const rows: Row[] = [];
      for (
        let next = first[index];
        next !== undefined && !next.done;
        next = await source.rows.next()
      ) {
        if (left-- === 0) {
          throw new MergeError(
            `The shards have more than ${maxRows} rows for this; use everywhere.stream(), a limit, or a higher maxRows.`,
          );
        }
        rows.push(next.value);
      }
      return { shard: source.shard, rows };
    };
    yield* await Promise.all(sources.map(collect));
  };
}
