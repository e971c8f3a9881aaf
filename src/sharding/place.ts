import { ResidencyError } from '../errors/residency-error.ts';
import { RoutingError } from '../errors/routing-error.ts';
import { nearestRegion, type Region } from './region.ts';

/**
 * What locates a new row in a geo keyspace. Fields are tried in this order: `region`, `country`,
 * `location`; then the topology's default region.
 */
export interface Place {
  /** A region's name. */
  readonly region?: string | undefined;
  /** ISO 3166-1 alpha-2, in upper case. */
  readonly country?: string | undefined;
  /** `[latitude, longitude]` in degrees: the nearest region by great circle. */
  readonly location?: readonly [latitude: number, longitude: number] | undefined;
}

/** A region as far as placing needs to know it. */
export interface PlacingRegion extends Region {
  readonly countries: ReadonlySet<string>;
  readonly residency: 'open' | 'strict';
  readonly isDefault: boolean;
}

const countryForm = /^[A-Z]{2}$/;

/**
 * The region of a place. As soon as one of the regions is strict, a place must yield a country:
 * the nearest region is not the lawful one.
 *
 * @param strictElsewhere the strict regions of the topology that are not among `regions`.
 * @throws {RoutingError} when no region serves the place; {@link ResidencyError} when the row would
 * be placed in another region than the strict one of its country.
 */
export function regionOfPlace<R extends PlacingRegion>(
  place: Place,
  regions: readonly R[],
  strictElsewhere: readonly PlacingRegion[] = [],
): R {
  const { region: name, country, location } = place;
  if (country !== undefined && !countryForm.test(country)) {
    throw new RoutingError("A place's country must be an ISO 3166-1 alpha-2 code such as 'DE'.");
  }
  const hasStrict =
    strictElsewhere.length > 0 || regions.some(({ residency }) => residency === 'strict');
  if (country === undefined && hasStrict) {
    throw new RoutingError(
      'Beside a strict region a row needs a country to be placed; return { country } from place().',
    );
  }
  const serves = ({ countries }: PlacingRegion) => country !== undefined && countries.has(country);
  // The country itself is the row's, so no error of this kind names it.
  const lawful = strictElsewhere.find(serves);
  if (lawful !== undefined) {
    throw new ResidencyError(
      `Rows of this country must stay in region '${lawful.name}', where their keyspace has no shards. Add one there.`,
      { strictRegions: [lawful.name], region: name },
    );
  }
  const serving = regions.find(serves);
  if (name !== undefined) {
    const named = regions.find((region) => region.name === name);
    if (named === undefined) {
      const known = regions.map((region) => region.name).join(', ');
      throw new RoutingError(`No region '${name}' holds rows of this keyspace; known: ${known}.`);
    }
    if (serving?.residency === 'strict' && serving !== named) {
      throw new ResidencyError(
        `Rows of this country must stay in region '${serving.name}'; they may not be placed in '${name}'. Leave region out of place().`,
        { strictRegions: [serving.name], region: name },
      );
    }
    return named;
  }
  if (serving !== undefined) return serving;
  if (location !== undefined) return nearestRegion(location, regions);
  const fallback = regions.find(({ isDefault }) => isDefault);
  if (fallback !== undefined) return fallback;
  throw new RoutingError(
    country === undefined
      ? 'A place needs a region, a country or a location, and the topology has no default region.'
      : `No region serves country ${country}, and the topology has no default region. ` +
          "Add it to a region's countries, give the place a location, or mark a region as default.",
    country === undefined ? undefined : { country },
  );
}
