/** `meridian/sharding`: where a key lives, with no database at hand. */

export { type IdSource, newId } from './ids/id.ts';
export { type DecodedId, decodeId } from './ids/id-codec.ts';
export { uuidFromBytes, uuidToBytes } from './ids/uuid.ts';
export { hashSlotFor } from './locate-key.ts';
export { murmur3 } from './murmur3.ts';
export { countryCentroid, isCountry } from './places/country.ts';
export { GEO_SLOTS, geoLocator, geoSlotOf, splitGeoLocator } from './places/geo-strategy.ts';
export type { IpLocator } from './places/locate-place.ts';
export {
  type MaxmindReader,
  type MaxmindResponse,
  maxmindLocator,
} from './places/maxmind-locator.ts';
export type { IpLocation } from './places/place.ts';
export { type LatLon, nearestRegion, type Region } from './places/region.ts';
export { canonicalKey, type ShardKey } from './shard-key.ts';
export { createSlotMap } from './slots/consistent-hash.ts';
export { HASH_SLOTS, slotOf } from './slots/hash-strategy.ts';
export { type Rebalancing, rebalance, type SlotMove } from './slots/rebalance.ts';
export { slotFingerprint } from './slots/slot-fingerprint.ts';
export type { SlotMap } from './slots/slot-map.ts';
export { formatSlotRanges, parseSlotRanges, type SlotRanges } from './slots/slot-ranges.ts';
export type { WeightedShard } from './slots/weighted-shard.ts';
