import { RoutingError } from '../../errors/routing-error.ts';

/**
 * Degrees: latitude −90 to 90, north positive; longitude −180 to 180, east positive.
 *
 * @see {@link nearestRegion}
 */
export type LatLon = readonly [latitude: number, longitude: number];

/**
 * A geographic area that shards live in.
 *
 * @see {@link nearestRegion}
 */
export interface Region {
  readonly name: string;
  /** 0–63, never given to another region later. */
  readonly code: number;
  /** Where its servers are. */
  readonly location: LatLon;
}

/** Haversines that differ by less are the same distance: half a metre or less, anywhere. */
const ROUNDING_NOISE = 1e-15;

/**
 * The region whose location is nearest by great circle; of several equally near, the one with the
 * lowest code. Right across the antimeridian and at the poles. O(regions).
 *
 * @returns the very element that was passed.
 * @throws RoutingError when a coordinate is `NaN` or out of range, or there is no region.
 *
 * @example
 * const eu = { name: 'eu', code: 1, location: [50.1, 8.7] } as const;
 * const us = { name: 'us', code: 2, location: [39, -77.5] } as const;
 * nearestRegion([48.9, 2.4], [eu, us]); // eu
 */
export function nearestRegion<T extends Region>(location: LatLon, regions: readonly T[]): T {
  assertOnEarth(location, 'a location');
  const distances = regions.map((region) => {
    assertOnEarth(region.location, `region '${region.name}'`);
    return { region, distance: haversine(location, region.location) };
  });
  const least = Math.min(...distances.map(({ distance }) => distance));
  const nearest = distances
    .filter(({ distance }) => distance - least < ROUNDING_NOISE)
    .map(({ region }) => region)
    .reduce((a: T | undefined, b) => (a === undefined || b.code < a.code ? b : a), undefined);
  if (nearest === undefined) {
    throw new RoutingError('No region is nearest, because there are none. Give at least one.');
  }
  return nearest;
}

/**
 * The regions in the order of their distance along the great circle, nearest first; of several
 * equally near, the one with the lowest code first. O(regions log regions).
 */
export function regionsByDistance<T extends Region>(location: LatLon, regions: readonly T[]): T[] {
  const away = new Map(regions.map((region) => [region, haversine(location, region.location)]));
  return [...regions].sort((a, b) => (away.get(a) ?? 0) - (away.get(b) ?? 0) || a.code - b.code);
}

/**
 * The haversine of the angle between two places, 0 to 1. It grows with the distance along the great
 * circle, which is all that a comparison needs.
 */
function haversine([lat1, lon1]: LatLon, [lat2, lon2]: LatLon): number {
  const across = Math.sin(radians(lat2 - lat1) / 2);
  const along = Math.sin(radians(lon2 - lon1) / 2);
  return across ** 2 + Math.cos(radians(lat1)) * Math.cos(radians(lat2)) * along ** 2;
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

/** Whether a value is two coordinates in their ranges. */
export function isOnEarth(value: unknown): value is LatLon {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [latitude, longitude]: unknown[] = value;
  return isWithin(latitude, 90) && isWithin(longitude, 180);
}

function isWithin(degrees: unknown, limit: number): boolean {
  // Written so that NaN fails too.
  return typeof degrees === 'number' && Math.abs(degrees) <= limit;
}

/** @throws {RoutingError} when a location is not one. */
export function assertOnEarth(location: LatLon, whose: string): void {
  if (isOnEarth(location)) return;
  throw new RoutingError(
    `The coordinates of ${whose} are not [latitude −90…90, longitude −180…180] in degrees. ` +
      'Latitude comes first: are they swapped?',
  );
}
