import { murmur3 } from '../murmur3.ts';
import type { ShardKey } from '../shard-key.ts';

/**
 * Slots of a hash keyspace. A power of two, so that the low bits of a hash are a slot.
 *
 * @example
 * slotOf('ada') < HASH_SLOTS; // true
 */
export const HASH_SLOTS = 16_384;

/**
 * The slot of a key in a hash keyspace: the low 14 bits of its {@link murmur3} with seed 0.
 *
 * It hashes whatever it is given. `hashSlotFor` is what routes: there, an id of the keyspace names
 * its own slot.
 *
 * @returns 0–16383.
 * @throws RoutingError when the key cannot be one, as `canonicalKey` says.
 *
 * @example
 * const shard = createSlotMap([{ name: 'a' }, { name: 'b' }]).shardOf(slotOf('ada'));
 */
export function slotOf(key: ShardKey): number {
  return murmur3(key) & (HASH_SLOTS - 1);
}
