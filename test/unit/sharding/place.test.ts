import { ResidencyError, RoutingError } from 'meridian';
import { expect, it } from 'vitest';
import { type PlacingRegion, regionOfPlace } from '../../../src/sharding/place.ts';

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

it('a name comes before the country, the country before the location', () => {
  expect(regionOfPlace({ region: 'us', country: 'DE' }, [eu, us])).toBe(us);
  expect(regionOfPlace({ country: 'DE', location: [40, -75] }, [eu, us])).toBe(eu);
  expect(regionOfPlace({ country: 'BR', location: [40, -75] }, [eu, us])).toBe(us);
});

it('the default region takes what no other serves, and only if there is one', () => {
  expect(regionOfPlace({ country: 'BR' }, [eu, defaultUs])).toBe(defaultUs);
  expect(() => regionOfPlace({ country: 'BR' }, [eu, us])).toThrow(RoutingError);
  expect(() => regionOfPlace({}, [eu, us])).toThrow(RoutingError);
});

it('rows of a strict country are placed nowhere else', () => {
  expect(regionOfPlace({ country: 'DE' }, [strictEu, us])).toBe(strictEu);
  expect(() => regionOfPlace({ region: 'us', country: 'DE' }, [strictEu, us])).toThrow(
    ResidencyError,
  );
});

it('a refusal names regions, and nothing of the row', () => {
  let refusal: unknown;
  try {
    regionOfPlace({ region: 'us', country: 'DE' }, [strictEu, us]);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toMatchObject({
    code: 'MERIDIAN_RESIDENCY',
    context: { strictRegions: ['eu'], region: 'us' },
  });
  expect(JSON.stringify(refusal)).not.toMatch(/\bDE\b/);
});

it('a strict region that has no shards in the keyspace still keeps its countries', () => {
  const place = () => regionOfPlace({ country: 'DE' }, [defaultUs], [strictEu]);
  expect(place).toThrow(ResidencyError);
  expect(() => regionOfPlace({ location: [50, 8] }, [defaultUs], [strictEu])).toThrow(RoutingError);
  expect(regionOfPlace({ country: 'BR' }, [defaultUs], [strictEu])).toBe(defaultUs);
});

it('beside a strict region the nearest is not lawful: a place must name its country', () => {
  expect(() => regionOfPlace({ location: [40, -75] }, [strictEu, us])).toThrow(RoutingError);
  expect(() => regionOfPlace({ region: 'us' }, [strictEu, us])).toThrow(RoutingError);
  expect(regionOfPlace({ country: 'BR', location: [40, -75] }, [strictEu, us])).toBe(us);
});

it('what is no country code or no region is refused', () => {
  expect(() => regionOfPlace({ country: 'de' }, [eu, us])).toThrow(RoutingError);
  expect(() => regionOfPlace({ region: 'mars' }, [eu, us])).toThrow(RoutingError);
});
