const windowMs = 100;
const windowCalls = 20;
const smoothing = 0.2;
const tolerance = 1.5;
/** Windows over which the usual duration is learnt: a minute of traffic. */
const longWindows = 600;

/**
 * How many calls an endpoint answers at once without getting slower: Netflix' Gradient2, with
 * `limit · clamp(1.5 · usual ÷ recent duration, 0.5, 1) + headroom`, smoothed by 0.2.
 *
 * It moves only while at least half of it is in use, on windows of at least 20 calls that succeeded,
 * between a quarter of `concurrency` (at least 2) and all of it. A single call counts as at most ten
 * times the usual, so that a few slow statements among many quick ones do not look like overload.
 *
 * Source: github.com/Netflix/concurrency-limits, Gradient2Limit.
 */
export class ConcurrencyLimit {
  readonly #most: number;
  readonly #least: number;
  #limit: number;
  #usualMs = 0;
  #windowEnd = 0;
  #sumMs = 0;
  #calls = 0;
  #inUse = 0;

  constructor(concurrency: number) {
    this.#most = concurrency;
    this.#least = Math.min(concurrency, Math.max(2, Math.ceil(concurrency / 4)));
    this.#limit = concurrency;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /**
   * A call succeeded in `durationMs` while `running` ran, itself included. Returns whether the limit
   * has moved.
   */
  measure(durationMs: number, running: number, now: number): boolean {
    if (this.#calls === 0) this.#windowEnd = now + windowMs;
    this.#calls++;
    this.#sumMs += this.#usualMs === 0 ? durationMs : Math.min(durationMs, 10 * this.#usualMs);
    if (running > this.#inUse) this.#inUse = running;
    if (this.#calls < windowCalls || now < this.#windowEnd) return false;
    const before = this.limit;
    this.#move(this.#sumMs / this.#calls);
    this.#calls = this.#sumMs = this.#inUse = 0;
    return this.limit !== before;
  }

  #move(recentMs: number): void {
    if (this.#usualMs === 0) this.#usualMs = recentMs;
    else this.#usualMs += (recentMs - this.#usualMs) * (2 / (longWindows + 1));
    // What was learnt while all was slow must not last.
    if (this.#usualMs > 2 * recentMs) this.#usualMs *= 0.95;
    if (this.#inUse < this.#limit / 2) return;
    const gradient = Math.max(0.5, Math.min(1, (tolerance * this.#usualMs) / recentMs));
    const headroom = Math.min(4, Math.sqrt(this.#limit));
    const target = this.#limit * gradient + headroom;
    const next = this.#limit + smoothing * (target - this.#limit);
    this.#limit = Math.max(this.#least, Math.min(this.#most, next));
  }
}
