import { murmur3 } from '../murmur3.ts';
import { apportion } from './apportion.ts';
import { HASH_SLOTS } from './hash-strategy.ts';
import { mix32 } from './mix32.ts';
import { MAX_SLOTS, type SlotMap, slotMapOf } from './slot-map.ts';
import { sortShards, type WeightedShard } from './weighted-shard.ts';

/**
 * The slot map of a new, empty keyspace: weighted consistent hashing with exactly bounded load.
 *
 * A pure function of the shards' names and weights, whatever their order, the same on every machine.
 * Each shard owns its share of the slots, rounded down or up. A shard that joins N equal ones makes
 * 1.0 times the fewest possible slots change hands for N below 8, 1.2 times for 32, 1.4 times for 64,
 * 3.2 times for 255.
 * Once a keyspace holds rows its map is data: change it with `rebalance`, which moves the fewest.
 *
 * Slots choose shards by rendezvous hashing (Thaler and Ravishankar, 1998) within the capacity of
 * each shard (Mirrokni, Thorup and Zadimoghaddam, 2016, with no slack). O(slots × shards).
 *
 * @param slots default 16384.
 * @throws ConfigError with every problem: no shards, more shards than slots, a name given twice, a
 *   weight that is not above 0.
 *
 * @example
 * const map = createSlotMap([{ name: 'a' }, { name: 'b', weight: 3 }]);
 * map.counts(); // { a: 4096, b: 12288 }
 */
export function createSlotMap(shards: readonly WeightedShard[], slots = HASH_SLOTS): SlotMap {
  const sorted = sortShards(shards, slots);
  let open = apportion(sorted, slots)
    .map(({ name, weight, capacity }) => ({ name, weight, room: capacity, hash: murmur3(name) }))
    .filter(({ room }) => room > 0);
  const owners = Array<string>(slots);

  for (const ranked of inHashedOrder(slots)) {
    const slot = ranked % MAX_SLOTS;
    const hash = (ranked - slot) / MAX_SLOTS;
    let nearest = open[0];
    let least = Number.POSITIVE_INFINITY;
    for (const shard of open) {
      // IEEE 754 fixes the result of a division, but not of the logarithm that is usual here.
      const distance = mix32(hash ^ shard.hash) / shard.weight;
      if (distance < least) {
        least = distance;
        nearest = shard;
      }
    }
    if (nearest === undefined) break;
    owners[slot] = nearest.name;
    nearest.room--;
    if (nearest.room === 0) open = open.filter(({ room }) => room > 0);
  }
  return slotMapOf(
    sorted.map(({ name }) => name),
    owners,
  );
}

/**
 * The later a slot comes, the more shards are full: hashed order spreads those slots evenly. Each
 * number is hash × 2^16 + slot, 48 bits, so that a plain numeric sort ranks them in place.
 */
function inHashedOrder(slots: number): Float64Array {
  return Float64Array.from({ length: slots }, (_, slot) => murmur3(slot) * MAX_SLOTS + slot).sort();
}
