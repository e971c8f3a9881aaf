import { idLocator } from './ids/id-codec.ts';
import type { ShardKey } from './shard-key.ts';
import { HASH_SLOTS, slotOf } from './slots/hash-strategy.ts';

/**
 * The slot of a key in a hash keyspace. The rule, and the only place that states it: an id of the
 * keyspace names its slot; every other key is hashed to one.
 *
 * @param keyspaceCode 0–63.
 * @returns 0–16383.
 * @throws RoutingError when the key cannot be one, as `canonicalKey` says.
 *
 * @example
 * hashSlotFor('ada', 2) === slotOf('ada'); // true: it is no id
 */
export function hashSlotFor(key: ShardKey, keyspaceCode: number): number {
  const locator = idLocator(key, keyspaceCode);
  // A locator beyond the slots is no id of ours but a foreign UUIDv7 that happens to look like one.
  return locator !== undefined && locator < HASH_SLOTS ? locator : slotOf(key);
}
