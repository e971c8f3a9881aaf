import type { Moment } from './history.ts';

/** The newest version as of a moment, given when each version began to count. */
export class Newest {
  readonly #moments: Moment[] = [];
  readonly #versions: number[] = [];

  constructor(steps: Iterable<readonly [at: Moment, version: number]>) {
    const sorted = [...steps].sort(([a], [b]) => a - b);
    let newest = Number.NEGATIVE_INFINITY;
    for (const [at, version] of sorted) {
      newest = Math.max(newest, version);
      this.#moments.push(at);
      this.#versions.push(newest);
    }
  }

  /** Of what counted before `moment`, that moment itself left out. Negative infinity: nothing. */
  before(moment: Moment): number {
    let low = 0;
    let high = this.#moments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#moments[middle] ?? 0) < moment) low = middle + 1;
      else high = middle;
    }
    return this.#versions[low - 1] ?? Number.NEGATIVE_INFINITY;
  }
}
