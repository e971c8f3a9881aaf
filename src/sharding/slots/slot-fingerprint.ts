import { createHash } from 'node:crypto';
import { ConfigError } from '../../errors/config-error.ts';
import type { SlotMap } from './slot-map.ts';
import { slotRangesOf } from './slot-ranges.ts';

/**
 * Sixteen hexadecimal digits that stand for exactly the slots a shard owns: two shards' databases
 * swapped, or a map that was changed behind the data's back, show as a different fingerprint. The
 * same slots give the same fingerprint for ever: databases record it.
 *
 * The first 64 bits of SHA-256 over `'<slots of the map>:<ranges>'`, ranges as `formatSlotRanges`
 * writes them. O(slots).
 *
 * @throws ConfigError when the map has no such shard.
 *
 * @example
 * slotFingerprint(createSlotMap([{ name: 'a' }, { name: 'b' }]), 'a');
 */
export function slotFingerprint(map: SlotMap, shard: string): string {
  if (!map.shards.includes(shard)) {
    throw new ConfigError('The slot map does not fit', [
      { path: shard, message: `is no shard of the map, which has: ${map.shards.join(', ')}` },
    ]);
  }
  return createHash('sha256')
    .update(`${map.slots}:${slotRangesOf(map, shard)}`)
    .digest('hex')
    .slice(0, 16);
}
