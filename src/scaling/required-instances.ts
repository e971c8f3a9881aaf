import { ConfigError, type Problem } from '../errors/config-error.ts';

/**
 * What an instance carries, and how much more than the load there is to be.
 *
 * @example
 * requiredInstances(1_000, { maxLoadPerInstance: 400, headroom: 1.5 }); // 4
 */
export interface RequiredInstancesOptions {
  /** What one instance carries, in the unit of the load. Above 0. */
  readonly maxLoadPerInstance: number;
  /** How much more than the load the instances must carry, as a factor. At least 1, default 1.2. */
  readonly headroom?: number | undefined;
}

/** A quotient this close above a whole number, relative to it, is the noise of its rounding. */
const ROUNDING_NOISE = 1e-12;

/**
 * How many instances a load needs: the smallest `n` with `n · maxLoadPerInstance ≥ load · headroom`,
 * and at least one, because a service with no load must still be there for the next request.
 *
 * The noise of binary fractions does not cost an instance: a load of `0.1 * 3` needs three of `0.1`.
 *
 * @param currentLoad in any unit (requests per second, connections, bytes), at least 0.
 * @throws ConfigError with every number that is out of range.
 *
 * @example
 * requiredInstances(10, { maxLoadPerInstance: 4 }); // 3
 */
export function requiredInstances(
  currentLoad: number,
  { maxLoadPerInstance, headroom = 1.2 }: RequiredInstancesOptions,
): number {
  const problems = [
    ...check('currentLoad', currentLoad, 'a finite number, at least 0', currentLoad >= 0),
    ...check(
      'maxLoadPerInstance',
      maxLoadPerInstance,
      'a finite number above 0',
      maxLoadPerInstance > 0,
    ),
    ...check('headroom', headroom, 'a finite factor, at least 1', headroom >= 1),
  ];
  if (problems.length > 0) throw new ConfigError('The instances cannot be counted', problems);

  const instances = wholeOf((currentLoad / maxLoadPerInstance) * headroom);
  if (!Number.isSafeInteger(instances)) {
    const message = `needs ${instances} instances of ${maxLoadPerInstance}; are the units the same?`;
    throw new ConfigError('The instances cannot be counted', [{ path: 'currentLoad', message }]);
  }
  return Math.max(1, instances);
}

/** As many whole instances as a load of so many takes: at least one, and no more than can be counted. */
export function instancesAt(loadInInstances: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(1, wholeOf(loadInInstances)));
}

function wholeOf(exact: number): number {
  const nearest = Math.round(exact);
  return exact - nearest <= nearest * ROUNDING_NOISE ? nearest : Math.ceil(exact);
}

function check(path: string, value: number, wanted: string, fits: boolean): Problem[] {
  if (fits && Number.isFinite(value)) return [];
  return [{ path, message: `must be ${wanted}, not ${value}` }];
}
