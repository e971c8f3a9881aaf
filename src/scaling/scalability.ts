/**
 * How a fleet's capacity grows: the Universal Scalability Law,
 * `capacity(n) = gamma · n / (1 + sigma · (n − 1) + kappa · n · (n − 1))`.
 *
 * Source: N. J. Gunther, "Guerrilla Capacity Planning", 2007, chapter 4.
 */
export interface ScalabilityLaw {
  /** What one instance carries alone, in the unit of the load. Above 0. */
  readonly gamma: number;
  /** Contention: the share of the work that is done one after the other. 0 to 1. */
  readonly sigma: number;
  /** Crosstalk: what each pair of instances costs. At least 0. */
  readonly kappa: number;
}

/** What so many instances carry together. O(1). */
export function capacityOf({ gamma, sigma, kappa }: ScalabilityLaw, instances: number): number {
  return (gamma * instances) / (1 + sigma * (instances - 1) + kappa * instances * (instances - 1));
}

/** The number of instances past which another one takes more than it brings. `Infinity` without crosstalk. */
export function kneeOf({ sigma, kappa }: ScalabilityLaw): number {
  if (kappa === 0) return Number.POSITIVE_INFINITY;
  return Math.max(1, Math.floor(Math.sqrt((1 - sigma) / kappa)));
}

/** The fewest instances that carry a load; one past the knee where none do. O(log n). */
export function instancesByLaw(law: ScalabilityLaw, load: number): number {
  const knee = kneeOf(law);
  if (Number.isFinite(knee) && capacityOf(law, knee) < load) return knee + 1;
  let high = 1;
  while (high < knee && capacityOf(law, high) < load && high < Number.MAX_SAFE_INTEGER / 2)
    high *= 2;
  high = Math.min(high, knee);
  let low = 0;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (capacityOf(law, middle) >= load) high = middle;
    else low = middle;
  }
  return high;
}

/** What a number of instances was measured to carry. */
export interface MeasuredCapacity {
  readonly instances: number;
  readonly load: number;
}

/**
 * Fits the law to measurements, by least squares on `n / load`, which is linear in its coefficients. What can't
 * be (negative contention or crosstalk) is noise, and counts as none. O(measurements).
 *
 * @returns undefined with fewer than three different numbers of instances: then nothing is known of crosstalk.
 */
export function fitScalability(measured: readonly MeasuredCapacity[]): ScalabilityLaw | undefined {
  if (new Set(measured.map(({ instances }) => instances)).size < 3) return undefined;
  for (const terms of [[0, 1, 2], [0, 1], [0, 2], [0]]) {
    const [base = 0, contention = 0, crosstalk = 0] = solve(measured, terms);
    if (base > 0 && contention >= 0 && crosstalk >= 0) {
      return {
        gamma: 1 / base,
        sigma: Math.min(1, contention / base),
        kappa: crosstalk / base,
      };
    }
  }
  return undefined;
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
