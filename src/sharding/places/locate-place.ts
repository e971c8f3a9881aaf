import { isPromise } from '../../errors/at-once.ts';
import { RoutingError } from '../../errors/routing-error.ts';
import { isCountry } from './country.ts';
import { canonicalIp } from './ip-address.ts';
import type { IpLocation, LocatedPlace, Place } from './place.ts';
import { isOnEarth } from './region.ts';

/**
 * Looks up where an address is. It is given a well-formed address: IPv6 in the form of RFC 5952,
 * without a zone, and an IPv4 address always as IPv4, also where a socket reports `::ffff:…`.
 *
 * Synchronous, because readers of a database in memory are. Returns nothing for an address that it
 * does not know. `maxmindLocator` of `meridian/sharding` makes one.
 *
 * @example
 * const locateIp: IpLocator = (ip) => (ip.startsWith('192.0.2.') ? { country: 'DE' } : undefined);
 * await createDataLayer({ ...options, locateIp });
 */
export type IpLocator = (ip: string) => IpLocation | undefined | null;

/**
 * Checks the form of a place and looks its address up.
 *
 * @throws {RoutingError} when a field is of the wrong type, the address malformed, there is no
 * locator, or it fails. The error holds nothing of the address.
 */
export function locatePlace(place: Place, locateIp: IpLocator | undefined): LocatedPlace {
  assertForm(place);
  const { region, country, location, ip } = place;
  const own = { region, country, location };
  if (ip === undefined) return own;
  const address = canonicalIp(ip);
  if (address === undefined) {
    throw new RoutingError(
      "A place's ip is not an IPv4 or IPv6 address. Give the address alone: no port, no brackets, " +
        'no list of addresses.',
    );
  }
  if (locateIp === undefined) {
    throw new RoutingError(
      'A place has an ip, and nothing can look it up. Give createDataLayer the option locateIp, ' +
        "such as maxmindLocator(reader) of 'meridian/sharding'.",
    );
  }
  const found = lookUp(locateIp, address);
  if (found === undefined || country === undefined) return { ...own, byIp: found };
  // An address in another country tells nothing about where in its own the place is.
  return country === found.country ? { ...own, byIp: { location: found.location } } : own;
}

function assertForm(place: unknown): asserts place is Place {
  if (typeof place !== 'object' || place === null || isPromise(place)) {
    throw new RoutingError(
      'place() must return a place such as { country }, and not a promise of one.',
    );
  }
  for (const field of ['region', 'country', 'ip']) {
    const value: unknown = Reflect.get(place, field);
    if (value === undefined || typeof value === 'string') continue;
    throw new RoutingError(`A place's ${field} must be text, or be left out.`);
  }
  const location: unknown = Reflect.get(place, 'location');
  if (location === undefined || isOnEarth(location)) return;
  throw new RoutingError(
    "A place's location must be [latitude −90…90, longitude −180…180] in degrees, or be left out. " +
      'Latitude comes first: are they swapped?',
  );
}

/** Whatever goes wrong below may quote the address, so nothing of it is passed on. */
function lookUp(locateIp: IpLocator, address: string): IpLocation | undefined {
  let found: unknown;
  try {
    found = locateIp(address);
  } catch {
    throw new RoutingError(
      'locateIp threw, so the row can not be placed. Let it return undefined for an address that ' +
        'it does not know, and catch and report its own faults.',
    );
  }
  if (found === undefined || found === null) return undefined;
  if (!isPromise(found) && isIpLocation(found)) return found;
  throw new RoutingError(
    'locateIp must return { country, location } and not a promise: an ISO 3166-1 alpha-2 code in ' +
      'upper case, [latitude, longitude] in degrees, each of them or undefined.',
  );
}

function isIpLocation(value: unknown): value is IpLocation {
  if (typeof value !== 'object' || value === null || 'then' in value) return false;
  const country: unknown = Reflect.get(value, 'country');
  const location: unknown = Reflect.get(value, 'location');
  return (
    (country === undefined || (typeof country === 'string' && isCountry(country))) &&
    (location === undefined || isOnEarth(location))
  );
}
