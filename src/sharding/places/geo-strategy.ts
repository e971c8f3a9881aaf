import { murmur3 } from '../murmur3.ts';
import type { ShardKey } from '../shard-key.ts';
import { assertWithin } from './assert-within.ts';

/**
 * Slots of each region of a geo keyspace.
 *
 * @example
 * geoSlotOf('ada') < GEO_SLOTS; // true
 */
export const GEO_SLOTS = 1024;

/** Region codes are 0–63: the upper 6 of a locator's 16 bits. */
const REGION_CODES = 64;

const LOCATORS = REGION_CODES * GEO_SLOTS;

/**
 * The slot of a key within its region: the low 10 bits of its `murmur3` with seed 0.
 *
 * @returns 0–1023.
 * @throws RoutingError when the key cannot be one, as `canonicalKey` says.
 *
 * @example
 * const locator = geoLocator(1, geoSlotOf('ada'));
 */
export function geoSlotOf(key: ShardKey): number {
  return murmur3(key) & (GEO_SLOTS - 1);
}

/**
 * The 16 bits that name a slot of a geo keyspace: the region's code in the upper 6, the slot within
 * the region in the lower 10. In a hash keyspace the slot itself is the locator.
 *
 * @throws RoutingError when the code is not 0–63 or the slot is not 0–1023.
 *
 * @example
 * geoLocator(1, 5); // 1029
 */
export function geoLocator(regionCode: number, slot: number): number {
  assertWithin('A region code', regionCode, REGION_CODES);
  assertWithin('A slot of a region', slot, GEO_SLOTS);
  return regionCode * GEO_SLOTS + slot;
}

/**
 * The two parts of a {@link geoLocator}.
 *
 * @throws RoutingError when the locator is not 0–65535.
 *
 * @example
 * splitGeoLocator(1029); // { regionCode: 1, slot: 5 }
 */
export function splitGeoLocator(locator: number): { regionCode: number; slot: number } {
  assertWithin('A locator', locator, LOCATORS);
  return { regionCode: Math.floor(locator / GEO_SLOTS), slot: locator % GEO_SLOTS };
}
