import { describe, expect, it } from 'vitest';
import { RoutingError } from '../../../src/errors/routing-error.ts';
import { type LatLon, nearestRegion } from '../../../src/sharding/places/region.ts';

const region = (name: string, code: number, location: LatLon) => ({ name, code, location });

const eu = region('eu', 1, [50.1, 8.7]);
const us = region('us', 2, [39, -77.5]);
const ap = region('ap', 3, [1.35, 103.8]);
const nz = region('nz', 4, [-36.8, 174.8]);
const all = [eu, us, ap, nz];

describe('nearestRegion', () => {
  it.each<[string, LatLon, string]>([
    ['Berlin', [52.5, 13.4], 'eu'],
    ['New York', [40.7, -74], 'us'],
    ['Reykjavik', [64.1, -21.9], 'eu'],
    ['Tokyo', [35.7, 139.7], 'ap'],
    ['Sydney', [-33.9, 151.2], 'nz'],
    ['Tahiti, across the antimeridian', [-17.6, -149.4], 'nz'],
    ['Anchorage, over the pole', [61.2, -149.9], 'us'],
  ])('serves %s from %s', (_, location, name) => {
    expect(nearestRegion(location, all).name).toBe(name);
  });

  it('returns the element itself', () => {
    expect(nearestRegion(eu.location, all)).toBe(eu);
  });

  it('crosses the antimeridian', () => {
    const fiji = region('fiji', 9, [-17, 178]);
    const peru = region('peru', 1, [-17, -72]);
    expect(nearestRegion([-17, -178], [peru, fiji])).toBe(fiji);
    expect(nearestRegion([0, 180], [peru, region('same', 9, [0, -180])]).name).toBe('same');
  });

  it('knows that all meridians meet at the poles', () => {
    const near = region('near', 9, [89, 170]);
    const far = region('far', 1, [80, 0]);
    expect(nearestRegion([90, 0], [far, near])).toBe(near);
    expect(
      nearestRegion([-90, 55], [region('north', 1, [0, 55]), region('south', 2, [-1, -125])]).name,
    ).toBe('south');
  });

  it.each<[string, LatLon, LatLon, LatLon]>([
    ['either side of the antimeridian', [0, 180], [0, 179.3], [0, -179.3]],
    ['either side of the equator', [0, 17.1], [33.3, 17.1], [-33.3, 17.1]],
    ['round a pole', [90, 12.3], [71.7, 44.1], [71.7, -101.9]],
    ['round the other pole', [-90, 0], [-10.1, 3], [-10.1, 97]],
    ['on opposite sides', [0, 0], [0, 90], [0, -90]],
    ['in one place', [12, 34], [1, 2], [1, 2]],
  ])('lets the lowest code win %s', (_, from, here, there) => {
    const low = region('low', 3, here);
    const high = region('high', 4, there);
    expect(nearestRegion(from, [low, high])).toBe(low);
    expect(nearestRegion(from, [high, low])).toBe(low);
    expect(nearestRegion(from, [{ ...low, code: 5 }, high])).toBe(high);
  });

  it.each<[string, LatLon]>([
    ['latitude beyond a pole', [90.01, 0]],
    ['latitude far south', [-91, 0]],
    ['longitude beyond the antimeridian', [0, 180.5]],
    ['longitude far west', [0, -181]],
    ['NaN for a latitude', [Number.NaN, 0]],
    ['NaN for a longitude', [0, Number.NaN]],
    ['infinity', [0, Number.POSITIVE_INFINITY]],
  ])('refuses %s', (_, location) => {
    expect(() => nearestRegion(location, all)).toThrow(RoutingError);
    expect(() => nearestRegion([0, 0], [eu, region('odd', 5, location)])).toThrow(/region 'odd'/);
  });

  it('refuses an empty list', () => {
    expect(() => nearestRegion([0, 0], [])).toThrow(RoutingError);
  });
});
