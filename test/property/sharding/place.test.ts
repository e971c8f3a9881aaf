import fc from 'fast-check';
import { isMeridianError } from 'meridian';
import { expect, it } from 'vitest';
import { countryCentroid } from '../../../src/sharding/places/country.ts';
import {
  type LocatedPlace,
  type PlacingRegion,
  type PlacingRules,
  regionOfPlace,
} from '../../../src/sharding/places/place.ts';
import { type LatLon, nearestRegion } from '../../../src/sharding/places/region.ts';

const countries = ['DE', 'FR', 'US', 'BR', 'CN', 'JP', 'NZ'];
const names = ['eu', 'us', 'br', 'cn', 'nz'];
const country = fc.constantFrom(...countries);
const location: fc.Arbitrary<LatLon> = fc.tuple(
  fc.double({ min: -90, max: 90, noNaN: true }),
  fc.double({ min: -180, max: 180, noNaN: true }),
);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const place: fc.Arbitrary<LocatedPlace> = fc
  .record({
    region: maybe(fc.constantFrom(...names)),
    country: maybe(country),
    location: maybe(location),
    byIp: maybe(fc.record({ country: maybe(country), location: maybe(location) })),
  })
  // As locatePlace leaves it: the country of the place goes before that of its address.
  .map(({ byIp, ...own }) =>
    own.country === undefined ? { ...own, byIp } : { ...own, byIp: { location: byIp?.location } },
  );

/** Regions that share no country, some of them without a shard of the keyspace. */
const rules: fc.Arbitrary<PlacingRules<PlacingRegion>> = fc
  .record({
    homes: fc.array(fc.option(fc.nat(names.length - 1)), {
      minLength: countries.length,
      maxLength: countries.length,
    }),
    locations: fc.array(location, { minLength: names.length, maxLength: names.length }),
    strict: fc.array(fc.boolean(), { minLength: names.length, maxLength: names.length }),
    fallback: fc.option(fc.nat(names.length - 1)),
    own: fc.subarray(names, { minLength: 1 }),
    unlistedCountries: fc.constantFrom('refuse' as const, 'nearest' as const),
  })
  .map(({ homes, locations, strict, fallback, own, unlistedCountries }) => {
    const allRegions = names.map(
      (name, code): PlacingRegion => ({
        name,
        code,
        location: locations[code] ?? [0, 0],
        countries: new Set(countries.filter((_, index) => homes[index] === code)),
        residency: strict[code] ? 'strict' : 'open',
        isDefault: fallback === code,
      }),
    );
    const regions = allRegions.filter(({ name }) => own.includes(name));
    return { regions, allRegions, unlistedCountries };
  });

/** The documented order as a list: the first that answers. Undefined: the row is refused. */
function model(
  { region, country: ownCountry, location: ownLocation, byIp }: LocatedPlace,
  { regions, allRegions, unlistedCountries }: PlacingRules<PlacingRegion>,
): PlacingRegion | undefined {
  const anyCountry = ownCountry ?? byIp?.country;
  if (anyCountry === undefined && regions.some(({ residency }) => residency === 'strict')) return;
  const listing = (code: string | undefined) =>
    regions.find((candidate) => code !== undefined && candidate.countries.has(code));
  const near = (point: LatLon | undefined) => point && nearestRegion(point, regions);
  const strictHome = [...allRegions].find(
    (candidate) =>
      candidate.residency === 'strict' &&
      anyCountry !== undefined &&
      candidate.countries.has(anyCountry),
  );
  if (strictHome !== undefined) {
    const allowed = region === undefined || region === strictHome.name;
    return allowed ? regions.find(({ name }) => name === strictHome.name) : undefined;
  }
  if (region !== undefined) return regions.find(({ name }) => name === region);
  return (
    listing(ownCountry) ??
    near(ownLocation) ??
    listing(byIp?.country) ??
    near(byIp?.location) ??
    (unlistedCountries === 'nearest' && anyCountry !== undefined
      ? near(countryCentroid(anyCountry))
      : undefined) ??
    regions.find(({ isDefault }) => isDefault)
  );
}

function placed(where: LocatedPlace, by: PlacingRules<PlacingRegion>): PlacingRegion | undefined {
  try {
    return regionOfPlace(where, by);
  } catch (error) {
    if (isMeridianError(error)) return undefined;
    throw error;
  }
}

it('the region of a place is the first that the documented order gives', () => {
  fc.assert(
    fc.property(place, rules, (where, by) => {
      expect(placed(where, by)).toBe(model(where, by));
    }),
    { numRuns: 5000 },
  );
});

it('a row of a strict country is in its strict region or nowhere', () => {
  fc.assert(
    fc.property(place, rules, (where, by) => {
      const code = where.country ?? where.byIp?.country;
      const region = placed(where, by);
      for (const { name, residency, countries: own } of by.allRegions) {
        if (residency !== 'strict' || code === undefined || !own.has(code)) continue;
        expect([name, undefined]).toContain(region?.name);
      }
      if (code === undefined && by.regions.some(({ residency }) => residency === 'strict')) {
        expect(region).toBeUndefined();
      }
    }),
    { numRuns: 5000 },
  );
});
