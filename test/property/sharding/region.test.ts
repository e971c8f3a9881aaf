import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LatLon, nearestRegion, type Region } from '../../../src/sharding/places/region.ts';
import { kilometres } from '../../support/judges/great-circle.ts';

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

/** Places within a few kilometres of the antimeridian, on either side of it. */
const atAntimeridian = fc.tuple(
  latitudes,
  fc.double({ min: -0.05, max: 0.05, noNaN: true }).map((off) => (off > 0 ? off - 180 : off + 180)),
);
/** Places within a few kilometres of a pole, in every direction from it. */
const atPole = fc.tuple(
  fc.double({ min: -0.05, max: 0.05, noNaN: true }).map((off) => (off > 0 ? 90 - off : -90 - off)),
  longitudes,
);
const edges = fc.oneof(atAntimeridian, atPole);
const edgeRegions = fc
  .array(fc.oneof(edges, places), { minLength: 1, maxLength: 12 })
  .map((locations) => locations.map((location, code) => ({ name: `r${code}`, code, location })));

function expectNearest(location: LatLon, regions: readonly Region[]): void {
  const found = kilometres(location, nearestRegion(location, regions).location);
  const least = Math.min(...regions.map((region) => kilometres(location, region.location)));
  expect(found - least).toBeLessThan(0.001);
}

describe('nearestRegion', () => {
  it('finds no region farther than another', () => {
    fc.assert(fc.property(places, regionLists, expectNearest), { numRuns: 2000 });
  });

  it('finds no region farther than another at the antimeridian and at the poles', () => {
    fc.assert(fc.property(edges, edgeRegions, expectNearest), { numRuns: 5000 });
  });

  it('does not care by which longitude a pole is named', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(-90, 90),
        longitudes,
        longitudes,
        regionLists,
        (pole, a, b, regions) => {
          expect(nearestRegion([pole, a], regions)).toBe(nearestRegion([pole, b], regions));
        },
      ),
    );
  });

  it('does not care where the meridians are counted from', () => {
    const turn = (longitude: number, by: number) => {
      const turned = longitude + by;
      return turned > 180 ? turned - 360 : turned;
    };
    const whole = fc.tuple(fc.integer({ min: -90, max: 90 }), fc.integer({ min: -180, max: 180 }));
    fc.assert(
      fc.property(
        whole,
        fc.array(whole, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 359 }),
        ([latitude, longitude], points, by) => {
          const regions = points.map((location, code) => ({ name: `r${code}`, code, location }));
          const turned = regions.map((region) => ({
            ...region,
            location: [region.location[0], turn(region.location[1], by)] as const,
          }));
          expect(nearestRegion([latitude, turn(longitude, by)], turned).code).toBe(
            nearestRegion([latitude, longitude], regions).code,
          );
        },
      ),
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
