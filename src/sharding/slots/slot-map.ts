import type { Problem } from '../../errors/config-error.ts';
import { RoutingError } from '../../errors/routing-error.ts';

/**
 * Which shard owns each slot of a keyspace. Immutable.
 *
 * @see {@link createSlotMap}
 */
export interface SlotMap {
  /** How many slots there are; they are numbered from 0. */
  readonly slots: number;
  /** The names of the shards, sorted. A shard may own no slot. */
  readonly shards: readonly string[];
  /**
   * The name of the shard that owns a slot. O(1).
   *
   * @throws RoutingError when there is no such slot.
   */
  shardOf(slot: number): string;
  /** How many slots each shard owns. O(slots). */
  counts(): Record<string, number>;
}

/** The most slots a map can have: as many as the 16 bits of a locator can name. */
export const MAX_SLOTS = 65_536;

/**
 * The map in which `ownerNames[slot]` owns each slot.
 *
 * @param shards without duplicates, no more than there are slots.
 */
export function slotMapOf(shards: readonly string[], ownerNames: readonly string[]): SlotMap {
  const names = Object.freeze([...shards].sort());
  const indexOf = new Map(names.map((name, index) => [name, index]));
  const owners = Uint16Array.from(ownerNames, (name) => indexOf.get(name) ?? names.length);

  return Object.freeze<SlotMap>({
    slots: owners.length,
    shards: names,

    shardOf(slot) {
      const shard = names[owners[slot] ?? names.length];
      if (shard === undefined) {
        throw new RoutingError(
          `There is no slot ${slot}: the slots of this map are 0 to ${owners.length - 1}.`,
        );
      }
      return shard;
    },

    counts() {
      const counts = names.map(() => 0);
      for (const owner of owners) counts[owner] = (counts[owner] ?? 0) + 1;
      return Object.fromEntries(names.map((name, index) => [name, counts[index] ?? 0]));
    },
  });
}

/** What is wrong with sharing out this many slots among this many shards. */
export function slotCountProblems(shards: number, slots: number): Problem[] {
  if (!Number.isInteger(slots) || slots < 1 || slots > MAX_SLOTS) {
    return [{ path: 'slots', message: `must be an integer from 1 to ${MAX_SLOTS}, not ${slots}` }];
  }
  if (shards === 0) return [{ path: 'shards', message: 'is empty; give at least one shard' }];
  if (shards <= slots) return [];
  return [{ path: 'shards', message: `are ${shards}, more than the ${slots} slots to share out` }];
}
