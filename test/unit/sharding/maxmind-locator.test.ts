import { type MaxmindResponse, maxmindLocator } from 'meridian/sharding';
import { expect, it } from 'vitest';

/** Answers in the form of a `Reader` of maxmind 5. */
function locate(response: MaxmindResponse | null) {
  return maxmindLocator({ get: () => response })('203.0.113.7');
}

const names = { en: 'x' };
const country = (iso_code: string) => ({ geoname_id: 1, iso_code, names });
const location = { accuracy_radius: 10, latitude: 51.5142, longitude: -0.0931 };

it('a city database gives country and location', () => {
  const response = {
    city: { geoname_id: 2643743, names },
    continent: { code: 'EU', geoname_id: 6255148, names },
    country: country('GB'),
    location: { ...location, time_zone: 'Europe/London' },
    registered_country: country('US'),
  };
  expect(locate(response)).toEqual({ country: 'GB', location: [51.5142, -0.0931] });
});

it('a country database gives the country', () => {
  const response = { country: country('SE'), registered_country: country('DE') };
  expect(locate(response)).toEqual({ country: 'SE', location: undefined });
});

it('an address that is not in the database gives nothing', () => {
  expect(locate(null)).toBeUndefined();
});

it('where an address is registered is not where its user is', () => {
  const satellite = {
    location: undefined,
    registered_country: country('GB'),
    traits: { is_satellite_provider: true },
  };
  expect(locate(satellite)).toEqual({ country: undefined, location: undefined });
});

it('a base is in the country that it is in', () => {
  const base = {
    country: country('PH'),
    registered_country: country('PH'),
    represented_country: { ...country('US'), type: 'military' },
  };
  expect(locate(base)?.country).toBe('PH');
});

it.each(['EU', 'AP', 'A1', ''])('what is no country (%j) is none', (code) => {
  expect(locate({ country: country(code), location })).toEqual({
    country: undefined,
    location: [51.5142, -0.0931],
  });
});

it('half a location is none', () => {
  expect(locate({ country: country('GB'), location: { latitude: 51 } })?.location).toBeUndefined();
});

it('the reader is asked through itself, as its methods need', () => {
  class Reader {
    readonly #known = new Map([['203.0.113.7', { country: { iso_code: 'JP' } }]]);
    get(ip: string): MaxmindResponse | null {
      return this.#known.get(ip) ?? null;
    }
  }
  expect(maxmindLocator(new Reader())('203.0.113.7')?.country).toBe('JP');
});
