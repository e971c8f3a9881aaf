import { apportion } from './apportion.ts';
import { type SlotMap, slotMapOf } from './slot-map.ts';
import { sortShards, type WeightedShard } from './weighted-shard.ts';

/**
 * One slot that changes hands.
 *
 * @see {@link rebalance}
 */
export interface SlotMove {
  readonly slot: number;
  readonly from: string;
  readonly to: string;
}

/**
 * A new slot map and the moves that lead to it, by ascending slot.
 *
 * @see {@link rebalance}
 */
export interface Rebalancing {
  readonly map: SlotMap;
  readonly moves: readonly SlotMove[];
}

/**
 * Fits a slot map to other shards or other weights by moving as few slots as can be.
 *
 * Each shard ends with its share of the slots, rounded down or up, and whoever holds more than its
 * share is rounded up first: no other way to round moves fewer. Only surplus slots move, the lowest
 * of each giver, so that neighbours stay together. The same shards in any order give the same plan.
 * O(slots + shards · log shards).
 *
 * @param shards all that are to own slots; a shard of `previous` that is not among them gives up all.
 * @throws ConfigError as `createSlotMap` does.
 *
 * @example
 * const before = createSlotMap([{ name: 'a' }, { name: 'b' }]);
 * const { map, moves } = rebalance(before, [{ name: 'a' }, { name: 'b' }, { name: 'c' }]);
 * moves.length; // 5461: a third of the slots goes to c
 */
export function rebalance(previous: SlotMap, shards: readonly WeightedShard[]): Rebalancing {
  const held = new Map(Object.entries(previous.counts()));
  const targets = apportion(
    sortShards(shards, previous.slots).map((shard) => ({
      ...shard,
      held: held.get(shard.name) ?? 0,
    })),
    previous.slots,
  );
  const surplus = new Map(targets.map(({ name, held, capacity }) => [name, held - capacity]));
  const vacancies = targets.flatMap(({ name, held, capacity }) =>
    Array<string>(Math.max(0, capacity - held)).fill(name),
  );

  const owners: string[] = [];
  const moves: SlotMove[] = [];
  for (let slot = 0; slot < previous.slots; slot++) {
    const from = previous.shardOf(slot);
    const spare = surplus.get(from) ?? Number.POSITIVE_INFINITY;
    const to = spare > 0 ? vacancies[moves.length] : undefined;
    if (to !== undefined) {
      moves.push({ slot, from, to });
      surplus.set(from, spare - 1);
    }
    owners.push(to ?? from);
  }
  const names = targets.map(({ name }) => name);
  return { map: slotMapOf(names, owners), moves };
}
