import type { Executor } from '../execution/executor.ts';
import { type RecordedMove, readUnfinishedMoves, recordedMove } from '../mysql/moves-table.ts';
import type { Deadline } from '../resilience/deadline.ts';
import { routeForwarded } from '../routing/router.ts';
import type { Shard } from '../topology/topology.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import type { MoveSettlement } from './move-settlement.ts';
import type { Group } from './moving-group.ts';
import { moverLifeMs } from './relocation.ts';

/** What has flipped, or is being reversed, is finished in a moment by who did it. */
const finishingMs = 3_000;

/** What a sweep found and ended. */
export interface SweptMoves {
  /** Owners whose move had flipped; what was left to do was done. */
  readonly finished: number;
  /** Owners who stay where they were. */
  readonly reversed: number;
}

/** Ends the moves of movers that died. */
export class MoveSweeper {
  readonly #topology: TopologyStore;
  readonly #executor: Executor;
  readonly #settlement: MoveSettlement;
  readonly #groups: ReadonlyMap<string, Group>;

  /** @param groups by the owners' table. */
  constructor(
    topology: TopologyStore,
    executor: Executor,
    settlement: MoveSettlement,
    groups: ReadonlyMap<string, Group>,
  ) {
    this.#topology = topology;
    this.#executor = executor;
    this.#settlement = settlement;
    this.#groups = groups;
  }

  /** Looks at the moves that one shard has on record. */
  async sweep(shard: Shard, deadline: Deadline): Promise<SweptMoves> {
    const endpoints = [shard.primary];
    const { rows } = await this.#executor.runStatement(
      endpoints,
      readUnfinishedMoves,
      'read',
      deadline,
    );
    let finished = 0;
    let reversed = 0;
    for (const move of rows.map(recordedMove)) {
      const group = this.#groups.get(move.table);
      if (group === undefined || move.ageMs < patienceOf(move)) continue;
      const from = routeForwarded(this.#topology.current, shard.keyspace, move.fromLocator);
      const ending =
        move.state === 'moved'
          ? 'moved'
          : await this.#settlement.settle(move, from, group, deadline);
      if (ending === 'reversed') reversed++;
      if (ending !== 'moved') continue;
      await this.#settlement.finish(move, from, group, deadline);
      finished++;
    }
    return { finished, reversed };
  }
}

function patienceOf({ state }: RecordedMove): number {
  return state === 'announced' ? moverLifeMs : finishingMs;
}
