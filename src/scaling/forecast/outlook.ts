import { type Forecaster, lastValue } from './forecaster.ts';
import { Headroom } from './headroom.ts';
import { HoltWinters } from './holt-winters.ts';
import { ProfileForecaster } from './profile-forecaster.ts';
import { slotMs } from './season.ts';

const dayMs = 86_400_000;
/** What a day before counts for beside today. */
const dayFade = Math.exp(-1 / 28);
/** Errors of a forecaster before it is believed: three days of them. */
const evidenceDays = 3;
/** How much cheaper another forecaster must be before it takes over. */
const switchGain = 0.02;
/** Of so many steps one is forecast for the backtest: coprime with what repeats every few minutes. */
const judgedEvery = 7;
/** A forecast that is no better than the last value by more than this has no skill. */
const leastSkill = 0.02;

interface Contender {
  readonly forecaster: Forecaster;
  readonly headroom: Headroom;
  /** What it said at each of the last steps; NaN for nothing. */
  readonly said: Float64Array;
  /** The sum of what it said, faded as its errors are. */
  total: number;
  /** The factor on its forecasts. */
  factor: number;
}

export interface OutlookOptions {
  readonly stepMs: number;
  readonly horizon: number;
  readonly maxLoadPerInstance: number;
  readonly maxOverloadShare: number;
}

/** The greatest load that is expected within the horizon, and what it rests on. */
export interface Expectation {
  /** Undefined: history is no help, and nothing is expected but what is there. */
  readonly method: Forecaster['name'] | undefined;
  readonly forecast: number;
  /** The factor on the forecast that all but `maxOverloadShare` of the past needed. */
  readonly factor: number;
  /** Forecast and factor together. */
  readonly peak: number;
  /** How much less than the last value it costs at equal risk: 0.3 is 30 %. */
  readonly skill: number;
}

/**
 * Forecasters that are held against what came, step by step, each with the headroom that its own errors
 * ask for. The one that would have cost least with that headroom is believed: a rolling backtest.
 */
export class Outlook {
  readonly #options: OutlookOptions;
  readonly #contenders: readonly Contender[];
  readonly #last: Contender;
  readonly #loads: Float64Array;
  #best: Contender | undefined;
  #skill = 0;
  #day = Number.NaN;

  constructor(options: OutlookOptions) {
    const { stepMs, horizon, maxLoadPerInstance } = options;
    this.#options = options;
    const slotsPerStep = stepMs / slotMs;
    const shape = { stepMs, slotsPerStep, horizon, offset: maxLoadPerInstance };
    this.#last = contender(lastValue, horizon);
    this.#contenders = [
      contender(new ProfileForecaster(shape), horizon),
      contender(new HoltWinters(horizon, slotsPerStep, maxLoadPerInstance), horizon),
      this.#last,
    ];
    this.#loads = new Float64Array(horizon);
  }

  /** A step is over. O(1); once a day O(bins), and every few steps O(horizon). */
  close(step: number, slot: number, load: number): void {
    const { horizon } = this.#options;
    const at = step % horizon;
    this.#loads[at] = load;
    const actual = (step - horizon) % judgedEvery === 0 ? this.#peakOfLoads() : Number.NaN;
    const speaks = step % judgedEvery === 0;
    for (const one of this.#contenders) {
      this.#judge(one, one.said[at] ?? Number.NaN, actual);
      // Before the step is learned: so it is asked in earnest too.
      one.said[at] = speaks ? one.forecaster.peak(step, slot, load) : Number.NaN;
      one.forecaster.close(step, slot, load);
    }
    const day = Math.floor((step * this.#options.stepMs) / dayMs);
    if (day !== this.#day) this.#endDay(day);
  }

  /** The history has a hole. */
  interrupt(): void {
    for (const { forecaster, said } of this.#contenders) {
      forecaster.interrupt();
      said.fill(Number.NaN);
    }
  }

  /** O(1). */
  expect(step: number, slot: number, load: number): Expectation {
    const best = this.#best;
    const forecast = best?.forecaster.peak(step, slot, load) ?? Number.NaN;
    if (best === undefined || Number.isNaN(forecast))
      return { ...nothing, forecast: load, peak: load };
    const { maxLoadPerInstance: offset } = this.#options;
    const peak = Math.max(load, (forecast + offset) * best.factor - offset);
    const method = best === this.#last ? undefined : best.forecaster.name;
    return { method, forecast, factor: best.factor, peak, skill: this.#skill };
  }

  #judge(one: Contender, said: number, actual: number): void {
    if (Number.isNaN(said + actual)) return;
    const { maxLoadPerInstance: offset } = this.#options;
    one.headroom.add(actual + offset, said + offset);
    one.total += said + offset;
  }

  #peakOfLoads(): number {
    let peak = 0;
    for (const load of this.#loads) if (load > peak) peak = load;
    return peak;
  }

  #endDay(day: number): void {
    this.#day = day;
    const { stepMs, maxOverloadShare } = this.#options;
    const enough = (evidenceDays * dayMs) / stepMs / judgedEvery;
    let best: Contender | undefined;
    for (const one of this.#contenders) {
      one.headroom.fade(dayFade);
      one.total *= dayFade;
      one.factor = one.headroom.factorFor(maxOverloadShare);
      if (one.headroom.evidence < enough) continue;
      const isBetter = best === undefined || costOf(one) < costOf(best);
      if (isBetter) best = one;
    }
    if (best === undefined) return;
    const held = this.#best;
    const isWorth = held === undefined || costOf(best) < costOf(held) * (1 - switchGain);
    this.#best = isWorth ? best : held;
    this.#skill = 1 - costOf(this.#best) / costOf(this.#last);
    if (this.#skill < leastSkill) this.#best = this.#last;
  }
}

const nothing = { method: undefined, factor: 1, skill: 0 };

function contender(forecaster: Forecaster, horizon: number): Contender {
  const said = new Float64Array(horizon).fill(Number.NaN);
  return { forecaster, headroom: new Headroom(), said, total: 0, factor: 1 };
}

/** What it would have cost on average to go by it. */
function costOf({ total, headroom, factor }: Contender): number {
  return (total / headroom.evidence) * factor;
}
