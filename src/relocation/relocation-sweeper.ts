import type { Call } from '../execution/call.ts';
import type { Executor } from '../execution/executor.ts';
import { routeForwarded } from '../routing/router.ts';
import type { Shard } from '../topology/topology.ts';
import { type RecordedMove, readUnfinishedMoves, recordedMove } from './moves-table.ts';
import type { Group } from './moving-group.ts';
import { isDue, type RelocationEnding } from './relocation-protocol.ts';
import type { RelocationResolution } from './relocation-resolution.ts';

/**
 * What a sweep found and ended.
 *
 * @see {@link DataLayer}
 */
export interface SweptRelocations {
  /** Owners whose move had cut over; what was left to do was done. */
  readonly finished: number;
  /** Owners who stay where they were. */
  readonly reversed: number;
}

/** Ends the moves of movers that died. */
export class RelocationSweeper {
  readonly #executor: Executor;
  readonly #resolution: RelocationResolution;
  readonly #groups: ReadonlyMap<string, Group>;

  /** @param groups by the owners' table. */
  constructor(
    executor: Executor,
    resolution: RelocationResolution,
    groups: ReadonlyMap<string, Group>,
  ) {
    this.#executor = executor;
    this.#resolution = resolution;
    this.#groups = groups;
  }

  /** Ends the moves that one shard has on record and whose movers are taken for dead. */
  sweep(shard: Shard, call: Call): Promise<SweptRelocations> {
    return this.#endAll(shard, undefined, call);
  }

  /** Ends what somebody has met of a slot: moves that have nothing left to do but to end. */
  sweepSlot(shard: Shard, slot: number, call: Call): Promise<SweptRelocations> {
    return this.#endAll(shard, slot, call);
  }

  async #endAll(shard: Shard, slot: number | undefined, call: Call): Promise<SweptRelocations> {
    const endpoints = [shard.primary];
    const { rows } = await this.#executor.runStatement(
      endpoints,
      readUnfinishedMoves,
      'read',
      call,
    );
    const endings = await Promise.allSettled(
      rows
        .map(recordedMove)
        .filter((move) => isDue(move, slot))
        .map((move) => this.#end(move, shard, call)),
    );
    // Each move is ended by itself; one that can't be must not keep the others.
    const failed = endings.find(({ status }) => status === 'rejected');
    const count = (ending: RelocationEnding) =>
      endings.filter((one) => one.status === 'fulfilled' && one.value === ending).length;
    if (failed?.status === 'rejected') throw failed.reason;
    return { finished: count('moved'), reversed: count('reversed') };
  }

  async #end(move: RecordedMove, shard: Shard, call: Call): Promise<RelocationEnding | undefined> {
    const group = this.#groups.get(move.table);
    if (group === undefined) return undefined;
    const from = routeForwarded(call.topology, shard.keyspace, move.fromLocator);
    const ending =
      move.state === 'moved' ? 'moved' : await this.#resolution.resolve(move, from, group, call);
    if (ending === 'moved') await this.#resolution.finish(move, from, group, call);
    return ending;
  }
}
