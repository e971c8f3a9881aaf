import { type Forecaster, knotsOf } from './forecaster.ts';
import { LevelRegression } from './level-regression.ts';
import { slotsPerWeek } from './season.ts';
import { SeasonalProfile } from './seasonal-profile.ts';

const halfLifeMs = 7 * 86_400_000;
/** Over what the change of the level is seen. */
const changeMs = 30 * 60_000;

interface Knot {
  readonly steps: number;
  readonly regression: LevelRegression;
  /** What was said at each of the last steps about the step a knot later: NaN for nothing. */
  readonly asked: {
    readonly deviation: Float64Array;
    readonly change: Float64Array;
    readonly usual: Float64Array;
  };
}

export interface ProfileOptions {
  readonly stepMs: number;
  readonly slotsPerStep: number;
  readonly horizon: number;
  /** Added to loads before they are compared, so that little load is not taken for much change. */
  readonly offset: number;
}

/**
 * The weekly profile, times today's level: how far the load is from the usual, and where that is going,
 * as a ratio, and as much of it as was left after as long in the weeks before.
 */
export class ProfileForecaster implements Forecaster {
  readonly name = 'profile';
  readonly #options: ProfileOptions;
  readonly #profile: SeasonalProfile;
  readonly #knots: readonly Knot[];
  readonly #deviations: Float64Array;

  constructor(options: ProfileOptions) {
    const { stepMs, horizon } = options;
    this.#options = options;
    this.#profile = new SeasonalProfile(options.offset, options.slotsPerStep);
    this.#deviations = blank(Math.max(1, Math.round(changeMs / stepMs)));
    this.#knots = knotsOf(horizon).map((steps) => ({
      steps,
      regression: new LevelRegression(halfLifeMs / stepMs),
      asked: { deviation: blank(steps), change: blank(steps), usual: blank(steps) },
    }));
  }

  close(step: number, slot: number, load: number): void {
    const deviation = this.#deviation(slot, load);
    const change = this.#change(step, deviation);
    for (const knot of this.#knots) this.#learn(knot, step, slot, load, deviation, change);
    this.#deviations[step % this.#deviations.length] = deviation;
    this.#profile.learn(slot, load);
  }

  interrupt(): void {
    this.#deviations.fill(Number.NaN);
    for (const { asked } of this.#knots) asked.deviation.fill(Number.NaN);
  }

  peak(step: number, slot: number, load: number): number {
    const deviation = this.#deviation(slot, load);
    if (Number.isNaN(deviation)) return Number.NaN;
    const change = this.#change(step, deviation);
    const { offset } = this.#options;
    let peak = load;
    for (const { steps, regression } of this.#knots) {
      const usual = this.#profile.at(this.#later(slot, steps));
      const expected = (usual + offset) * Math.exp(regression.predict(deviation, change)) - offset;
      if (expected > peak) peak = expected;
    }
    return peak;
  }

  #learn(
    { steps, regression, asked }: Knot,
    step: number,
    slot: number,
    load: number,
    deviation: number,
    change: number,
  ): void {
    const at = step % steps;
    const before = asked.deviation[at] ?? Number.NaN;
    const usualThen = asked.usual[at] ?? Number.NaN;
    if (!Number.isNaN(before + usualThen)) {
      const { offset } = this.#options;
      const left = Math.log((load + offset) / (usualThen + offset));
      regression.learn(before, asked.change[at] ?? 0, left);
    }
    asked.deviation[at] = deviation;
    asked.change[at] = change;
    asked.usual[at] = this.#profile.at(this.#later(slot, steps));
  }

  #deviation(slot: number, load: number): number {
    const { offset } = this.#options;
    return Math.log((load + offset) / (this.#profile.at(slot) + offset));
  }

  #change(step: number, deviation: number): number {
    const before = this.#deviations[step % this.#deviations.length] ?? Number.NaN;
    return Number.isNaN(before) ? 0 : deviation - before;
  }

  #later(slot: number, steps: number): number {
    const later = slot + steps * this.#options.slotsPerStep;
    return later >= slotsPerWeek ? later % slotsPerWeek : later;
  }
}

function blank(length: number): Float64Array {
  return new Float64Array(length).fill(Number.NaN);
}
