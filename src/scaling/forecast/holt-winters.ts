import { type Forecaster, knotsOf } from './forecaster.ts';
import { slotsPerWeek } from './season.ts';

const levelWeight = 0.1;
const trendWeight = 0.01;
const seasonWeight = 0.3;
/** What is left of a trend a slot later: a load does not rise for ever. */
const damping = 0.98;
/** A slot of so many times the expected counts as so many times only. */
const mostRise = 3;

/**
 * Exponential smoothing with a damped trend and a multiplicative season of a week.
 *
 * Source: R. J. Hyndman and G. Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed. 2021, section 8.3.
 */
export class HoltWinters implements Forecaster {
  readonly name = 'holt-winters';
  readonly #season = new Float64Array(slotsPerWeek).fill(Number.NaN);
  readonly #offset: number;
  readonly #knots: readonly number[];
  #level = Number.NaN;
  #trend = 0;
  #slot = -1;
  #sum = 0;
  #count = 0;

  /** @param offset added to loads, so that the season of an idle hour is not a division by nothing. */
  constructor(horizon: number, slotsPerStep: number, offset: number) {
    this.#offset = offset;
    this.#knots = knotsOf(horizon).map((steps) => steps * slotsPerStep);
  }

  close(_step: number, slot: number, load: number): void {
    const index = Math.floor(slot);
    if (index !== this.#slot) {
      if (this.#count > 0) this.#learn(this.#slot, this.#sum / this.#count + this.#offset);
      this.#slot = index;
      this.#sum = 0;
      this.#count = 0;
    }
    this.#sum += load;
    this.#count++;
  }

  interrupt(): void {
    this.#trend = 0;
  }

  peak(_step: number, slot: number, load: number): number {
    let peak = load;
    for (const slots of this.#knots) {
      const later = Math.floor(slot + slots) % slotsPerWeek;
      const season = this.#season[later] ?? Number.NaN;
      if (Number.isNaN(season) || this.#count === 0) return Number.NaN;
      const rise = (this.#trend * damping * (1 - damping ** slots)) / (1 - damping);
      const expected = (this.#level + rise) * season - this.#offset;
      if (expected > peak) peak = expected;
    }
    return peak;
  }

  #learn(slot: number, load: number): void {
    if (Number.isNaN(this.#level)) this.#level = load;
    const usual = this.#season[slot] ?? Number.NaN;
    if (Number.isNaN(usual)) {
      this.#level += 0.001 * (load - this.#level);
      this.#season[slot] = load / this.#level;
      return;
    }
    const before = this.#level;
    // A spike must not come back next week.
    const learned = Math.min(load, mostRise * before * usual);
    this.#level =
      levelWeight * (learned / usual) + (1 - levelWeight) * (before + damping * this.#trend);
    this.#trend = trendWeight * (this.#level - before) + (1 - trendWeight) * damping * this.#trend;
    this.#season[slot] = seasonWeight * (learned / this.#level) + (1 - seasonWeight) * usual;
  }
}
