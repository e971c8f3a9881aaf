import { ResidencyError, RoutingError } from 'meridian';
import { describe, expect, it } from 'vitest';
import {
  type LocatedPlace,
  type PlacingRegion,
  regionOfPlace as regionByRules,
} from '../../../src/sharding/places/place.ts';

const region = (
  name: string,
  code: number,
  location: [number, number],
  countries: string[],
  more: Partial<PlacingRegion> = {},
): PlacingRegion => ({
  ...{ name, code, location, countries: new Set(countries), residency: 'open', isDefault: false },
  ...more,
});

const eu = region('eu', 1, [50.1, 8.7], ['DE', 'FR']);
const us = region('us', 2, [39, -77.5], ['US']);
const strictEu: PlacingRegion = { ...eu, residency: 'strict' };
const defaultUs: PlacingRegion = { ...us, isDefault: true };
const brasilia = [-15.8, -47.9] as const;
const philadelphia = [40, -75] as const;

const regionOfPlace = (
  place: LocatedPlace,
  regions: PlacingRegion[],
  unlistedCountries: 'refuse' | 'nearest' = 'refuse',
  allRegions = regions,
) => regionByRules(place, { regions, allRegions, unlistedCountries });

it('a name comes before the country, the country before the location', () => {
  expect(regionOfPlace({ region: 'us', country: 'DE' }, [eu, us])).toBe(us);
  expect(regionOfPlace({ country: 'DE', location: philadelphia }, [eu, us])).toBe(eu);
  expect(regionOfPlace({ country: 'BR', location: philadelphia }, [eu, us])).toBe(us);
});

it('the default region takes what no other serves, and only if there is one', () => {
  expect(regionOfPlace({ country: 'BR' }, [eu, defaultUs])).toBe(defaultUs);
  expect(regionOfPlace({}, [eu, defaultUs])).toBe(defaultUs);
  expect(() => regionOfPlace({ country: 'BR' }, [eu, us])).toThrow(RoutingError);
  expect(() => regionOfPlace({}, [eu, us])).toThrow(RoutingError);
});

describe('a country that no region lists', () => {
  it('falls to the region nearest to its middle, if the topology allows it', () => {
    expect(regionOfPlace({ country: 'PL' }, [eu, us], 'nearest')).toBe(eu);
    expect(regionOfPlace({ country: 'BR' }, [eu, us], 'nearest')).toBe(us);
    expect(() => regionOfPlace({ country: 'PL' }, [eu, us], 'refuse')).toThrow(
      /unlistedCountries to 'nearest'/,
    );
  });

  it('does so before the default region is asked, and after the location', () => {
    expect(regionOfPlace({ country: 'PL' }, [eu, defaultUs], 'nearest')).toBe(eu);
    expect(regionOfPlace({ country: 'PL', location: philadelphia }, [eu, us], 'nearest')).toBe(us);
    expect(regionOfPlace({ region: 'us', country: 'PL' }, [eu, us], 'nearest')).toBe(us);
  });

  it('may live in a strict region, which binds only the countries that it lists', () => {
    expect(regionOfPlace({ country: 'PL' }, [strictEu, us], 'nearest')).toBe(strictEu);
  });

  it('must be told: no country falls nowhere', () => {
    expect(() => regionOfPlace({}, [eu, us], 'nearest')).toThrow(RoutingError);
  });
});

describe('what an address says', () => {
  const inDe = { country: 'DE', location: [52.5, 13.4] } as const;

  it('comes after all that the place itself says', () => {
    expect(regionOfPlace({ byIp: inDe }, [eu, us])).toBe(eu);
    expect(regionOfPlace({ region: 'us', byIp: inDe }, [eu, us])).toBe(us);
    expect(regionOfPlace({ location: philadelphia, byIp: inDe }, [eu, us])).toBe(us);
    expect(regionOfPlace({ country: 'US', byIp: { location: [52.5, 13.4] } }, [eu, us])).toBe(us);
  });

  it('places a country that no region lists by its location, then by its middle', () => {
    const inPl = { country: 'PL', location: [52.2, 21] } as const;
    expect(regionOfPlace({ byIp: inPl }, [eu, defaultUs])).toBe(eu);
    expect(regionOfPlace({ byIp: { country: 'PL' } }, [eu, defaultUs])).toBe(defaultUs);
    expect(regionOfPlace({ byIp: { country: 'PL' } }, [eu, defaultUs], 'nearest')).toBe(eu);
  });

  it('is a country beside a strict region, and binds like one', () => {
    expect(regionOfPlace({ byIp: inDe }, [strictEu, us])).toBe(strictEu);
    expect(regionOfPlace({ location: philadelphia, byIp: inDe }, [strictEu, us])).toBe(strictEu);
    expect(() => regionOfPlace({ region: 'us', byIp: inDe }, [strictEu, us])).toThrow(
      ResidencyError,
    );
    expect(() => regionOfPlace({ byIp: { location: [52.5, 13.4] } }, [strictEu, us])).toThrow(
      /needs a country/,
    );
  });
});

it('rows of a strict country are placed nowhere else', () => {
  expect(regionOfPlace({ country: 'DE' }, [strictEu, us])).toBe(strictEu);
  expect(regionOfPlace({ country: 'DE', location: brasilia }, [strictEu, us])).toBe(strictEu);
  expect(() => regionOfPlace({ region: 'us', country: 'DE' }, [strictEu, us])).toThrow(
    ResidencyError,
  );
});

it('nor where the keyspace has no shard in their region', () => {
  const all = [strictEu, us];
  for (const place of [{ country: 'DE' }, { country: 'DE', location: philadelphia }]) {
    expect(() => regionOfPlace(place, [defaultUs], 'nearest', all)).toThrow(ResidencyError);
  }
  expect(() => regionOfPlace({ region: 'us', country: 'DE' }, [us], 'nearest', all)).toThrow(
    ResidencyError,
  );
  expect(regionOfPlace({ country: 'DE' }, [us], 'nearest', [eu, us])).toBe(us);
  expect(regionOfPlace({ location: brasilia }, [us], 'nearest', all)).toBe(us);
});

it('beside a strict region the nearest is not lawful: a place must name its country', () => {
  expect(() => regionOfPlace({ location: philadelphia }, [strictEu, us])).toThrow(RoutingError);
  expect(() => regionOfPlace({ region: 'us' }, [strictEu, us])).toThrow(RoutingError);
  expect(() => regionOfPlace({}, [strictEu, defaultUs], 'nearest')).toThrow(RoutingError);
  expect(regionOfPlace({ country: 'BR', location: philadelphia }, [strictEu, us])).toBe(us);
});

it.each(['de', 'XX', 'UK', 'DEU', '', 'constructor'])('%j is no country', (country) => {
  for (const place of [{ country }, { region: 'eu', country }, { country, location: brasilia }]) {
    expect(() => regionOfPlace(place, [eu, defaultUs], 'nearest')).toThrow(RoutingError);
  }
});

it('a wrong country is told what was meant', () => {
  expect(() => regionOfPlace({ country: 'UK' }, [eu])).toThrow(/did you mean 'GB'\?$/);
  expect(() => regionOfPlace({ country: 'XX' }, [eu])).toThrow(/such as 'DE'\.$/);
});

it('what is no region is refused', () => {
  expect(() => regionOfPlace({ region: 'mars' }, [eu, us])).toThrow(/known: eu, us/);
});

it.each([[[91, 0]], [[0, 181]], [[Number.NaN, 0]], [[139.7, 35.7]]] as const)(
  'coordinates off Earth are refused, also where nothing depends on them: %j',
  (location) => {
    expect(() => regionOfPlace({ location }, [eu, us])).toThrow(RoutingError);
    expect(() => regionOfPlace({ region: 'eu', location }, [eu, us])).toThrow(RoutingError);
  },
);
