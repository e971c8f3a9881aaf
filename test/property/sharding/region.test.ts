import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LatLon, nearestRegion } from '../../../src/sharding/region.ts';

const latitudes = fc.oneof(
  fc.double({ min: -90, max: 90, noNaN: true }),
  fc.constantFrom(-90, 0, 90, 89.9999, -89.9999),
);
const longitudes = fc.oneof(
  fc.double({ min: -180, max: 180, noNaN: true }),
  fc.constantFrom(-180, 0, 180, 179.9999, -179.9999),
);
const places = fc.tuple(latitudes, longitudes);
const regionLists = fc
  .array(places, { minLength: 1, maxLength: 12 })
  .map((locations) => locations.map((location, code) => ({ name: `r${code}`, code, location })));

/** Another way to the same answer: the straight line through the Earth. */
function chord(a: LatLon, b: LatLon): number {
  const [x, y] = [point(a), point(b)];
  return Math.hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]);
}

function point([latitude, longitude]: LatLon): readonly [number, number, number] {
  const [lat, lon] = [(latitude * Math.PI) / 180, (longitude * Math.PI) / 180];
  return [Math.cos(lat) * Math.cos(lon), Math.cos(lat) * Math.sin(lon), Math.sin(lat)];
}

describe('nearestRegion', () => {
  it('finds no region farther than another', () => {
    fc.assert(
      fc.property(places, regionLists, (location, regions) => {
        const found = chord(location, nearestRegion(location, regions).location);
        const least = Math.min(...regions.map((region) => chord(location, region.location)));
        // 1e-7 of the Earth's radius is 0.6 m.
        expect(found - least).toBeLessThan(1e-7);
      }),
      { numRuns: 2000 },
    );
  });

  it('does not ask in which order the regions are given', () => {
    fc.assert(
      fc.property(places, regionLists, (location, regions) => {
        expect(nearestRegion(location, regions.toReversed())).toBe(
          nearestRegion(location, regions),
        );
      }),
    );
  });

  it('does not care that the antimeridian has two names', () => {
    fc.assert(
      fc.property(latitudes, regionLists, (latitude, regions) => {
        expect(nearestRegion([latitude, 180], regions)).toBe(
          nearestRegion([latitude, -180], regions),
        );
      }),
    );
  });
});
