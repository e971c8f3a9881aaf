/** Steps of history that count for about half of what is learned. */
const forgetting = (halfLifeSteps: number) => 2 ** (-1 / halfLifeSteps);
const mostVariance = 1e4;

/**
 * How much of today's deviation from the profile is left after a while: `y ≈ a·deviation + b·change`,
 * by recursive least squares with forgetting. O(1) a step.
 *
 * Source: L. Ljung, "System Identification", 2nd ed. 1999, section 11.2.
 */
export class LevelRegression {
  readonly #keep: number;
  #a = 1;
  #b = 0;
  #paa = 1;
  #pab = 0;
  #pbb = 1;

  constructor(halfLifeSteps: number) {
    this.#keep = forgetting(halfLifeSteps);
  }

  /** Never falls when the load rises: a slope that noise made negative counts as none. */
  predict(deviation: number, change: number): number {
    const a = Math.max(0, this.#a);
    return a * deviation + Math.max(-a, this.#b) * change;
  }

  learn(deviation: number, change: number, y: number): void {
    const pa = this.#paa * deviation + this.#pab * change;
    const pb = this.#pab * deviation + this.#pbb * change;
    const scale = this.#keep + deviation * pa + change * pb;
    const gainA = pa / scale;
    const gainB = pb / scale;
    const error = y - this.#a * deviation - this.#b * change;
    this.#a += gainA * error;
    this.#b += gainB * error;
    const paa = (this.#paa - gainA * pa) / this.#keep;
    const pbb = (this.#pbb - gainB * pb) / this.#keep;
    // Without news the variances would grow for ever, and the next news would throw it anywhere. All by one factor:
    // else it is no matrix of variances any more.
    const bound = Math.min(1, mostVariance / Math.max(paa, pbb));
    this.#paa = paa * bound;
    this.#pab = ((this.#pab - gainA * pb) / this.#keep) * bound;
    this.#pbb = pbb * bound;
  }
}
