const remembered = 256;
const recomputedEvery = 32;

/** The 95th percentile of the latest durations, in milliseconds. O(1), but for a sort now and then. */
export class LatencyQuantile {
  readonly #durations = new Float64Array(remembered);
  #count = 0;
  #p95: number | undefined;

  /** Undefined until there are enough. */
  get p95Ms(): number | undefined {
    return this.#p95;
  }

  record(durationMs: number): void {
    this.#durations[this.#count % remembered] = durationMs;
    this.#count++;
    if (this.#count % recomputedEvery !== 0) return;
    const sorted = this.#durations.slice(0, Math.min(this.#count, remembered)).sort();
    this.#p95 = sorted[Math.floor(sorted.length * 0.95)];
  }
}
