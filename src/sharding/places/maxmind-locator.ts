import { isCountry } from './country.ts';
import type { IpLocator } from './locate-place.ts';
import type { IpLocation } from './place.ts';
import { isOnEarth } from './region.ts';

/**
 * What a City, Country or Enterprise database of MaxMind says about an address, as far as it matters.
 *
 * @see {@link maxmindLocator}
 */
export interface MaxmindResponse {
  readonly country?: { readonly iso_code?: string } | undefined;
  readonly location?: { readonly latitude?: number; readonly longitude?: number } | undefined;
}

/**
 * What is used of a `Reader` of the package `maxmind`.
 *
 * @see {@link maxmindLocator}
 */
export interface MaxmindReader {
  get(ip: string): MaxmindResponse | null;
}

/**
 * Makes the option `locateIp` of a reader of the package `maxmind`, or of any other that answers in
 * the same form.
 *
 * Only `country` counts: where MaxMind believes the user to be. `registered_country` (where the
 * provider has registered the address) and `represented_country` (whose base or embassy it is) say
 * nothing about that, so anonymous and satellite networks, which have only these, have no country.
 * Nor has what is no country, such as `EU` in old databases; a location counts all the same.
 *
 * @example
 * import maxmind, { type CityResponse } from 'maxmind';
 * const reader = await maxmind.open<CityResponse>('GeoLite2-City.mmdb', { watchForUpdates: true });
 * const data = await createDataLayer({ ...options, locateIp: maxmindLocator(reader) });
 */
export function maxmindLocator(reader: MaxmindReader): IpLocator {
  return (ip) => {
    const response = reader.get(ip);
    return response === null ? undefined : locationOf(response);
  };
}

function locationOf({ country, location }: MaxmindResponse): IpLocation {
  const code = country?.iso_code;
  const point = [location?.latitude, location?.longitude];
  return {
    country: code !== undefined && isCountry(code) ? code : undefined,
    location: isOnEarth(point) ? point : undefined,
  };
}
