/**
 * Sums over the last `ms` milliseconds of a monotonic clock, in buckets that are emptied as time goes
 * on: what is summed is the window less up to one bucket. Adding and reading cost O(1), or O(buckets)
 * after a pause.
 */
export class RollingWindow {
  readonly #bucketMs: number;
  readonly #buckets: number;
  readonly #kinds: number;
  readonly #counts: Float64Array;
  readonly #totals: Float64Array;
  #tick = 0;

  /** @param kinds how many different things are counted; they are named by index. */
  constructor(ms: number, buckets: number, kinds: number) {
    this.#bucketMs = ms / buckets;
    this.#buckets = buckets;
    this.#kinds = kinds;
    this.#counts = new Float64Array(buckets * kinds);
    this.#totals = new Float64Array(kinds);
  }

  add(kind: number, now: number): void {
    this.#advance(now);
    const at = (this.#tick % this.#buckets) * this.#kinds + kind;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#totals[kind] = (this.#totals[kind] ?? 0) + 1;
  }

  total(kind: number, now: number): number {
    this.#advance(now);
    return this.#totals[kind] ?? 0;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#totals.fill(0);
  }

  #advance(now: number): void {
    const tick = Math.floor(now / this.#bucketMs);
    if (tick <= this.#tick) return;
    if (tick - this.#tick >= this.#buckets) this.clear();
    else {
      for (let next = this.#tick + 1; next <= tick; next++) this.#empty(next % this.#buckets);
    }
    this.#tick = tick;
  }

  #empty(bucket: number): void {
    for (let kind = 0; kind < this.#kinds; kind++) {
      const at = bucket * this.#kinds + kind;
      this.#totals[kind] = (this.#totals[kind] ?? 0) - (this.#counts[at] ?? 0);
      this.#counts[at] = 0;
    }
  }
}
