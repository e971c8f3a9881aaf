import { ResidencyError } from '../../errors/residency-error.ts';
import { RoutingError } from '../../errors/routing-error.ts';
import { countryCentroid, countryHint, isCountry } from './country.ts';
import { assertOnEarth, type LatLon, nearestRegion, type Region } from './region.ts';

/**
 * What locates a new row in a geo keyspace. The region is found in this order:
 *
 * 1. the one named by `region`;
 * 2. the one that lists the `country`;
 * 3. the one nearest to the `location`;
 * 4. what the `ip` says: the region that lists its country, else the one nearest to its location;
 * 5. with the topology's `unlistedCountries: 'nearest'`, the one nearest to the middle of the
 *    country;
 * 6. the topology's default region, if there is one. Else the row is refused.
 *
 * Beside a region with `residency: 'strict'` a place must yield a country, its own or its address's,
 * and rows of that region's countries are placed nowhere else. Every field that is given is checked,
 * also one that nothing depends on.
 *
 * @example
 * const place: Place = { country: 'CH', ip: '192.0.2.1' };
 * await data.users.relocate(id, place);
 */
export interface Place {
  /** A region's name. */
  readonly region?: string | undefined;
  /** ISO 3166-1 alpha-2, in upper case: `GB`, not `UK`. Also `XK`, for Kosovo. */
  readonly country?: string | undefined;
  /** `[latitude, longitude]` in degrees: the nearest region by great circle. */
  readonly location?: readonly [latitude: number, longitude: number] | undefined;
  /**
   * An IPv4 or IPv6 address without a port, which the option `locateIp` looks up. What it does not
   * know, a private address say, counts as absent.
   */
  readonly ip?: string | undefined;
}

/**
 * What an address says about where its user is.
 *
 * @see {@link IpLocator}
 */
export interface IpLocation {
  /** ISO 3166-1 alpha-2, in upper case. */
  readonly country?: string | undefined;
  /** `[latitude, longitude]` in degrees. */
  readonly location?: readonly [latitude: number, longitude: number] | undefined;
}

/** A place whose address was looked up. */
export interface LocatedPlace extends Omit<Place, 'ip'> {
  readonly ip?: undefined;
  /** What the address said, less what the place contradicts. */
  readonly byIp?: IpLocation | undefined;
}

/** A region as far as placing needs to know it. */
export interface PlacingRegion extends Region {
  readonly countries: ReadonlySet<string>;
  readonly residency: 'open' | 'strict';
  readonly isDefault: boolean;
}

/** What a keyspace's rows are placed by. */
export interface PlacingRules<R extends PlacingRegion> {
  /** Those that hold rows of the keyspace. */
  readonly regions: readonly R[];
  /** All that there are: a strict one binds its countries also where the keyspace is not in it. */
  readonly allRegions: Iterable<PlacingRegion>;
  readonly unlistedCountries: 'refuse' | 'nearest';
}

/**
 * The region of a place, in the order that {@link Place} tells. As soon as one of the regions is
 * strict, a place must yield a country: the nearest region is not the lawful one. O(regions).
 *
 * @throws {RoutingError} when no region serves the place, or a field of it is wrong;
 * {@link ResidencyError} when its country has a strict region and it can not be placed there.
 */
export function regionOfPlace<R extends PlacingRegion>(
  { region: name, country: ownCountry, location: ownLocation, byIp }: LocatedPlace,
  { regions, allRegions, unlistedCountries }: PlacingRules<R>,
): R {
  const country = ownCountry ?? byIp?.country;
  const location = ownLocation ?? byIp?.location;
  if (country !== undefined) assertCountry(country);
  else if (regions.some(isStrict)) throw countryMissing();
  if (location !== undefined) assertOnEarth(location, "a place's location");

  const lists = ({ countries }: PlacingRegion) => country !== undefined && countries.has(country);
  const listing = regions.find(lists);
  const home = listing ?? [...allRegions].find(lists);
  const bound = home !== undefined && isStrict(home);
  if (name !== undefined) {
    const named = regionNamed(name, regions);
    if (bound && named !== listing) throw awayFromHome(home, name);
    return named;
  }
  if (bound && listing === undefined) throw awayFromHome(home);
  // What a place says of its location goes before what its address says of its country.
  if (listing !== undefined && (bound || ownCountry !== undefined || ownLocation === undefined)) {
    return listing;
  }
  if (location !== undefined) return nearestRegion(location, regions);
  const middle = unlistedCountries === 'nearest' ? middleOf(country) : undefined;
  if (middle !== undefined) return nearestRegion(middle, regions);
  const fallback = regions.find(({ isDefault }) => isDefault);
  if (fallback !== undefined) return fallback;
  throw unserved(country);
}

function isStrict({ residency }: PlacingRegion): boolean {
  return residency === 'strict';
}

function middleOf(country: string | undefined): LatLon | undefined {
  return country === undefined ? undefined : countryCentroid(country);
}

function regionNamed<R extends PlacingRegion>(name: string, regions: readonly R[]): R {
  const named = regions.find((region) => region.name === name);
  if (named !== undefined) return named;
  const known = regions.map((region) => region.name).join(', ');
  throw new RoutingError(`No region '${name}' holds rows of this keyspace; known: ${known}.`);
}

function assertCountry(country: string): void {
  if (isCountry(country)) return;
  throw new RoutingError(
    `A place's country must be an ISO 3166-1 alpha-2 code such as 'DE'${countryHint(country) || '.'}`,
  );
}

function countryMissing(): RoutingError {
  return new RoutingError(
    'In a keyspace with a strict region a row needs a country to be placed; return { country } from place().',
  );
}

/** The country itself is the row's, so the error does not name it. */
function awayFromHome(home: PlacingRegion, named?: string): ResidencyError {
  const why =
    named === undefined
      ? 'where their keyspace has no shards. Add one there.'
      : `and may not be placed in '${named}'. Leave region out of place().`;
  return new ResidencyError(`Rows of this country must stay in region '${home.name}', ${why}`, {
    strictRegions: [home.name],
    region: named,
  });
}

function unserved(country: string | undefined): RoutingError {
  if (country === undefined) {
    return new RoutingError(
      'A place needs a region, a country, a location or an address that locateIp knows, and the ' +
        'topology has no default region.',
    );
  }
  return new RoutingError(
    `No region serves country ${country}, and the topology has no default region. Add it to a ` +
      "region's countries, give the place a location, set unlistedCountries to 'nearest', or mark " +
      'a region as default.',
    { country },
  );
}
