const bins = 1_000;
const binsPerUnit = 200;
/** Logarithms from -2 to 3: a seventh to twenty times what was forecast. */
const lowest = -2;

/**
 * By how much a forecast was exceeded, as a distribution that forgets: a histogram of logarithms of the
 * ratio of what came to what was said. Quantiles are exact to half a percent. O(1) an error.
 */
export class Headroom {
  readonly #counts = new Float64Array(bins);
  #total = 0;

  /** Errors that count, each with what is left of its weight. */
  get evidence(): number {
    return this.#total;
  }

  add(actual: number, forecast: number): void {
    const bin = Math.floor((Math.log(actual / forecast) - lowest) * binsPerUnit);
    const at = Math.min(bins - 1, Math.max(0, bin));
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#total++;
  }

  /** Lets what is known count for less. O(bins). */
  fade(factor: number): void {
    for (let at = 0; at < bins; at++) this.#counts[at] = (this.#counts[at] ?? 0) * factor;
    this.#total *= factor;
  }

  /** The factor on a forecast that all but this share of the past needed. O(bins). */
  factorFor(share: number): number {
    let left = this.#total * share;
    let at = bins - 1;
    for (; at > 0; at--) {
      left -= this.#counts[at] ?? 0;
      if (left < 0) break;
    }
    return Math.exp((at + 1) / binsPerUnit + lowest);
  }
}
