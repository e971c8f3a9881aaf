import { DuplicateKeyError } from '../errors/database-error.ts';
import type { Executor } from '../execution/executor.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Route } from '../routing/route.ts';
import { announceMove, type Move, readMove, recordedMove } from './moves-table.ts';
import type { Group } from './moving-group.ts';
import { onEarlier } from './relocation-protocol.ts';
import { busy } from './relocation-refusals.ts';
import type { RelocationResolution } from './relocation-resolution.ts';

/**
 * Puts a move on record at the shard that is left, in place of an earlier one whose mover died.
 *
 * @throws {RelocationError} `busy` when an earlier one is not over.
 */
export async function announce(
  move: Move,
  { from, group }: { readonly from: Route; readonly group: Group },
  executor: Executor,
  resolution: RelocationResolution,
  deadline: Deadline,
): Promise<void> {
  const { shard } = from;
  for (;;) {
    try {
      await executor.runStatement([shard.primary], announceMove(move), 'write', deadline);
      return;
    } catch (error) {
      if (!(error instanceof DuplicateKeyError)) throw error;
    }
    const question = readMove(move.table, move.owner);
    const { rows } = await executor.runStatement([shard.primary], question, 'read', deadline);
    const earlier = rows[0] && recordedMove(rows[0]);
    const next = onEarlier(earlier);
    if (next === 'moved') {
      throw busy(from, move.table, 'It has just come back here, or moved on');
    }
    if (next === 'at-work') throw busy(from, move.table, 'It is being moved already');
    if (earlier !== undefined) await resolution.resolve(earlier, from, group, deadline);
  }
}
