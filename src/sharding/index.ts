/** `meridian/sharding`: where a key lives, with no database at hand. */
export { createSlotMap } from './consistent-hash.ts';
export { GEO_SLOTS, geoLocator, geoSlotOf, splitGeoLocator } from './geo-strategy.ts';
export { HASH_SLOTS, slotOf } from './hash-strategy.ts';
export { type IdSource, newId } from './id.ts';
export { type DecodedId, decodeId } from './id-codec.ts';
export { hashSlotFor } from './locate-key.ts';
export type { IpLocator } from './locate-place.ts';
export { type MaxmindReader, type MaxmindResponse, maxmindLocator } from './maxmind-locator.ts';
export { murmur3 } from './murmur3.ts';
export type { IpLocation } from './place.ts';
export { type Rebalancing, rebalance, type SlotMove } from './rebalance.ts';
export { type LatLon, nearestRegion, type Region } from './region.ts';
export { canonicalKey, type ShardKey } from './shard-key.ts';
export { slotFingerprint } from './slot-fingerprint.ts';
export type { SlotMap } from './slot-map.ts';
export { formatSlotRanges, parseSlotRanges, type SlotRanges } from './slot-ranges.ts';
export { uuidFromBytes, uuidToBytes } from './uuid.ts';
export type { WeightedShard } from './weighted-shard.ts';
