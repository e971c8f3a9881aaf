import { AbortedError } from '../errors/call-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Executor } from '../execution/executor.ts';
import type { Shard, Topology } from '../topology/topology.ts';
import { type PlacementReport, placementReport, type SizeFinding } from './placement-report.ts';
import { readShardSize } from './shard-size.ts';

type CallDeadline = Parameters<typeof readShardSize>[3];

/**
 * Asks every shard how much it holds, all at once. A shard that does not answer in time makes the
 * report incomplete, and says so in it.
 *
 * @throws {AbortedError} when the caller gave up: then nobody wants a part of it.
 */
export async function readPlacement(
  executor: Executor,
  topology: Topology,
  exact: boolean,
  deadline: CallDeadline,
): Promise<PlacementReport> {
  const find = async (shard: Shard): Promise<readonly [string, SizeFinding]> => {
    try {
      return [shard.name, await readShardSize(executor, shard, exact, deadline)];
    } catch (error) {
      if (!isMeridianError(error) || error instanceof AbortedError) throw error;
      return [shard.name, { error: error.code }];
    }
  };
  const findings = await Promise.allSettled([...topology.shards.values()].map(find));
  return placementReport(
    topology,
    // Every shard was waited for, so that no statement goes on behind the caller's back.
    new Map(
      findings.map((found) => {
        if (found.status === 'rejected') throw found.reason;
        return found.value;
      }),
    ),
    exact,
  );
}
