import { ConfigError } from '../errors/config-error.ts';
import { instancesAt } from './required-instances.ts';

/**
 * How a fleet's capacity grows: the Universal Scalability Law,
 * `capacity(n) = gamma · n / (1 + sigma · (n − 1) + kappa · n · (n − 1))`.
 *
 * Source: N. J. Gunther, "Guerrilla Capacity Planning", 2007, chapter 4.
 *
 * @see {@link fitScalability}
 */
export interface ScalabilityLaw {
  /** What one instance carries alone, in the unit of the load. Above 0. */
  readonly gamma: number;
  /** Contention: the share of the work that is done one after the other. 0 to 1. */
  readonly sigma: number;
  /** Crosstalk: what each pair of instances costs. At least 0. */
  readonly kappa: number;
}

/**
 * What so many instances carry together. O(1).
 *
 * @example
 * capacityOf({ gamma: 400, sigma: 0.03, kappa: 0.0001 }, 10);
 */
export function capacityOf({ gamma, sigma, kappa }: ScalabilityLaw, instances: number): number {
  return (gamma * instances) / (1 + sigma * (instances - 1) + kappa * instances * (instances - 1));
}

/**
 * The number of instances past which another one takes more than it brings. `Infinity` without crosstalk.
 *
 * @throws ConfigError for coefficients that are out of range.
 *
 * @example
 * kneeOf({ gamma: 400, sigma: 0.03, kappa: 0.0001 }); // 98
 */
export function kneeOf(law: ScalabilityLaw): number {
  const { sigma, kappa } = law;
  if (!(sigma >= 0 && sigma <= 1 && kappa >= 0)) {
    const message = `must be sigma of 0 to 1 and kappa of at least 0, not ${sigma} and ${kappa}`;
    throw new ConfigError('There is no knee', [{ path: 'law', message }]);
  }
  if (kappa === 0) return Number.POSITIVE_INFINITY;
  const peak = Math.sqrt(Math.max(0, 1 - sigma) / kappa);
  const [low, high] = [Math.max(1, Math.floor(peak)), Math.max(1, Math.ceil(peak))];
  return capacityOf(law, high) > capacityOf(law, low) ? high : low;
}

/** How much of what contention lets a fleet carry at most is worth asking for. */
const worthwhile = 0.95;

/**
 * The most instances that it makes sense to have: the knee, or without crosstalk as many as carry 95 % of what
 * contention allows. `Infinity` with neither.
 */
export function mostInstancesOf(law: ScalabilityLaw): number {
  const { sigma, kappa } = law;
  const most =
    kappa > 0 || sigma === 0
      ? kneeOf(law)
      : Math.max(1, Math.ceil((worthwhile * (1 - sigma)) / (sigma * (1 - worthwhile))));
  // Past what can be counted the next number is the same one, and a search among them would not end.
  return most < Number.MAX_SAFE_INTEGER ? most : Number.POSITIVE_INFINITY;
}

/** The fewest instances that carry a load; one more than makes sense where none do. O(log n). */
export function instancesByLaw(law: ScalabilityLaw, load: number): number {
  const most = mostInstancesOf(law);
  if (!Number.isFinite(most)) return instancesAt(load / law.gamma);
  if (capacityOf(law, most) < load) return most + 1;
  let low = 0;
  let high = most;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (capacityOf(law, middle) >= load) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * What a number of instances was measured to carry.
 *
 * @see {@link fitScalability}
 */
export interface MeasuredCapacity {
  readonly instances: number;
  readonly load: number;
}

/**
 * Fits the law to measurements, by least squares on `n / load`, which is linear in its coefficients. What can't
 * be (negative contention or crosstalk) is noise, and counts as none. O(measurements).
 *
 * @returns undefined with fewer than three different numbers of instances: then nothing is known of crosstalk.
 *
 * @example
 * fitScalability([
 *   { instances: 1, load: 400 }, { instances: 2, load: 770 }, { instances: 4, load: 1_430 },
 * ]);
 */
export function fitScalability(measured: readonly MeasuredCapacity[]): ScalabilityLaw | undefined {
  const usable = measured.filter(({ instances, load }) => instances > 0 && load > 0);
  if (new Set(usable.map(({ instances }) => instances)).size < 3) return undefined;
  let best: { readonly law: ScalabilityLaw; readonly error: number } | undefined;
  for (const terms of [[0, 1, 2], [0, 1], [0, 2], [0]]) {
    const [base = 0, contention = 0, crosstalk = 0] = solve(usable, terms);
    if (!(base > 0 && contention >= 0 && contention <= base && crosstalk >= 0)) continue;
    const law = { gamma: 1 / base, sigma: contention / base, kappa: crosstalk / base };
    const error = errorOf(law, usable);
    // With more terms the error is never greater: fewer are taken only where more can't be.
    if (best === undefined || error < best.error) best = { law, error };
  }
  return best?.law;
}

function errorOf(law: ScalabilityLaw, measured: readonly MeasuredCapacity[]): number {
  return measured.reduce((sum, { instances, load }) => {
    const difference = instances / load - instances / capacityOf(law, instances);
    return sum + difference * difference;
  }, 0);
}

/** Coefficients of 1, n − 1 and n(n − 1); those that are not among `terms` are 0. */
function solve(measured: readonly MeasuredCapacity[], terms: readonly number[]): number[] {
  const size = terms.length;
  const matrix = terms.map(() => new Array<number>(size + 1).fill(0));
  for (const { instances: n, load } of measured) {
    const all = [1, n - 1, n * (n - 1)];
    const x = terms.map((term) => all[term] ?? 0);
    matrix.forEach((row, i) => {
      x.forEach((value, j) => {
        row[j] = (row[j] ?? 0) + (x[i] ?? 0) * value;
      });
      row[size] = (row[size] ?? 0) + ((x[i] ?? 0) * n) / load;
    });
  }
  eliminate(matrix);
  const found = [0, 0, 0];
  terms.forEach((term, i) => {
    found[term] = (matrix[i]?.[size] ?? 0) / (matrix[i]?.[i] ?? 1);
  });
  return found;
}

/** Gauss and Jordan; the matrix is small and positive. */
function eliminate(matrix: number[][]): void {
  matrix.forEach((pivot, i) => {
    matrix.forEach((row, j) => {
      if (i === j) return;
      const factor = (row[i] ?? 0) / (pivot[i] ?? 1);
      pivot.forEach((value, k) => {
        row[k] = (row[k] ?? 0) - factor * value;
      });
    });
  });
}
