import { ConfigError } from '../errors/config-error.ts';
import { type Expectation, Outlook } from './forecast/outlook.ts';
import { type Cap, capOf, floorOf, instancesFor } from './limits.ts';
import { inWords, type Recommendation } from './recommendation.ts';
import { instancesAt } from './required-instances.ts';
import { readScalerOptions, type ScalerConfig, type ScalerOptions } from './scaler-options.ts';

/**
 * Learns from a load and recommends instances for it.
 *
 * @example
 * const scaler: Scaler = createScaler({ maxLoadPerInstance: 400, leadTimeMs: 600_000 });
 * scaler.observe(1_200);
 * scaler.recommend().instances;
 */
export interface Scaler {
  /**
   * Takes a sample of the whole load, of all instances together. Of several in one step the greatest counts;
   * one of a step before a later sample's is left out, and counted in `ignored`; three of them in a row, from before
   * what the scaler looks ahead, say that the clock of the later one was wrong, and are gone by. O(1).
   *
   * @param load in the unit of `maxLoadPerInstance`, at least 0.
   * @param atMs when, by the wall clock. Default: now.
   * @throws ConfigError for what is no load or no time; for one before 1973, which was counted in seconds.
   */
  observe(load: number, atMs?: number): void;
  /**
   * How many instances there should be now, so that there are enough once one that is asked for now would
   * be there. Without any sample: `minInstances`. O(1); with a latency target up to 5,000 steps of Erlang's recurrence a trial.
   *
   * @param atMs Default: now.
   */
  recommend(atMs?: number): Recommendation;
}

/** What a recommendation follows from, without words: they cost more than it does. */
export interface Plan {
  readonly instances: number;
  readonly load: number;
  readonly expectation: Expectation;
  readonly floor: number;
  readonly cap: Cap | undefined;
  readonly held: boolean;
  readonly silentMs: number | undefined;
}

/**
 * Recommends instances ahead of the load: what the time of the week and the level of today let expect within
 * the lead time, times a headroom that is chosen from how wrong such forecasts were before.
 *
 * It learns from what it observes; feed it the samples of the weeks before first. A daily pattern is used once it was
 * right for three days, which takes five; a weekly one after the first week.
 *
 * @throws ConfigError with every option that is out of range.
 * @example
 * const scaler = createScaler({ maxLoadPerInstance: 400, leadTimeMs: 600_000 });
 * for (const { load, atMs } of lastWeeks) scaler.observe(load, atMs);
 * scaler.recommend().instances;
 */
export function createScaler(options: ScalerOptions): Scaler {
  const planner = new Planner(readScalerOptions(options));
  return {
    observe: (load, atMs = Date.now()) => {
      assertSample(load, atMs, earliestMs);
      planner.observe(load, atMs);
    },
    recommend: (atMs = Date.now()) => planner.recommend(atMs),
  };
}

/** {@link Scaler}, and its plans. */
export class Planner implements Scaler {
  readonly #config: ScalerConfig;
  readonly #outlook: Outlook;
  readonly #cap: Cap | undefined;
  /** What was wanted at each of the last steps: a fleet shrinks to the greatest of them. */
  readonly #wanted: Float64Array;
  #step = Number.NaN;
  #load = 0;
  #atMs = Number.NaN;
  /** Between the last two samples, where that was too long to be bridged. */
  #holeMs = 0;
  #keptAt = Number.NaN;
  #samples = 0;
  #ignored = 0;
  /** Samples in a row that came from before what is looked ahead. */
  #behind = 0;

  constructor(config: ScalerConfig) {
    this.#config = config;
    this.#cap = capOf(config);
    this.#outlook = new Outlook(config);
    this.#wanted = new Float64Array(Math.max(1, Math.ceil(config.shrinkAfterMs / config.stepMs)));
  }

  observe(load: number, atMs: number): void {
    assertSample(load, atMs, 0);
    const step = Math.floor(atMs / this.#config.stepMs);
    if (step < this.#step && !this.#isClockWrong(step)) {
      this.#ignored++;
      return;
    }
    this.#samples++;
    this.#behind = 0;
    if (step < this.#step) {
      this.#outlook.interrupt();
      this.#wanted.fill(0);
    } else if (step === this.#step) {
      this.#load = Math.max(this.#load, load);
      this.#atMs = Math.max(this.#atMs, atMs);
      return;
    } else if (!Number.isNaN(this.#step)) this.#closeUntil(step, load);
    this.#step = step;
    this.#load = load;
    this.#atMs = atMs;
  }

  recommend(atMs: number): Recommendation {
    const plan = this.plan(atMs);
    const { method, forecast, peak, skill } = plan.expectation;
    const { headroom, maxLoadPerInstance } = this.#config;
    const said = {
      instances: plan.instances,
      method: method === undefined || method === 'last-value' ? ('rule' as const) : method,
      load: plan.load,
      forecast,
      planned: peak,
      headroom: forecast > 0 ? peak / forecast : 1,
      rule: instancesAt((plan.load / maxLoadPerInstance) * headroom),
      floor: plan.floor,
      cap: plan.cap,
      held: plan.held,
      silentMs: plan.silentMs,
      samples: this.#samples,
      ignored: this.#ignored,
      skill: method === undefined || method === 'last-value' ? 0 : skill,
    };
    return { ...said, because: inWords(said, this.#hole()) };
  }

  plan(atMs: number): Plan {
    const config = this.#config;
    const sinceMs = atMs - this.#atMs;
    const silentMs = sinceMs > 2 * config.stepMs ? sinceMs : undefined;
    const expectation = this.#expect();
    const floor = floorOf(config, expectation.peak, this.#cap);
    const wanted = Math.max(floor, instancesFor(config, expectation.peak));
    const kept = this.#keep(wanted);
    const cap = this.#cap !== undefined && kept > this.#cap.instances ? this.#cap : undefined;
    return {
      instances: cap?.instances ?? kept,
      load: this.#load,
      expectation,
      floor,
      cap,
      held: kept > wanted,
      silentMs,
    };
  }

  #expect(): Expectation {
    if (Number.isNaN(this.#step)) return { ...none, forecast: 0, peak: 0 };
    const found = this.#outlook.expect(this.#step, this.#slotOf(this.#step), this.#load);
    if (found.method !== undefined) return found;
    // Without a forecast at least the rule, and more where the load has grown by more in a lead time before.
    return { ...found, peak: Math.max(this.#load * this.#config.headroom, found.peak) };
  }

  #keep(wanted: number): number {
    if (Number.isNaN(this.#step)) return wanted;
    const { length } = this.#wanted;
    // Steps that nobody asked at held nothing up.
    const since = Math.max(this.#keptAt + 1, this.#step - length + 1);
    for (let step = since; step <= this.#step; step++) this.#wanted[step % length] = 0;
    if (Number.isNaN(since)) this.#wanted.fill(0);
    this.#keptAt = this.#step;
    const at = this.#step % length;
    this.#wanted[at] = Math.max(wanted, this.#wanted[at] ?? 0);
    return this.#wanted.reduce((most, one) => Math.max(most, one), 0);
  }

  /** Whether the last sample's clock was ahead: several others say that it is earlier. */
  #isClockWrong(step: number): boolean {
    this.#behind = step < this.#step - this.#config.horizon ? this.#behind + 1 : 0;
    return this.#behind >= samplesThatCorrect;
  }

  /** Closes the open step, and those without a sample between it and the next in a straight line. */
  #closeUntil(next: number, nextLoad: number): void {
    const missing = next - this.#step - 1;
    this.#outlook.close(this.#step, this.#slotOf(this.#step), this.#load);
    this.#holeMs = missing > this.#config.horizon ? (missing + 1) * this.#config.stepMs : 0;
    if (missing === 0) return;
    if (this.#holeMs > 0) {
      this.#outlook.interrupt();
      return;
    }
    for (let n = 1; n <= missing; n++) {
      const load = this.#load + ((nextLoad - this.#load) * n) / (missing + 1);
      this.#outlook.close(this.#step + n, this.#slotOf(this.#step + n), load);
    }
  }

  #hole(): string[] {
    if (this.#holeMs === 0) return [];
    const apart = `the last two samples are ${Math.round(this.#holeMs / 1_000)} s apart`;
    return [`${apart}, too far to learn from with a stepMs of ${this.#config.stepMs}`];
  }

  #slotOf(step: number): number {
    return this.#config.clock.slotAt(step * this.#config.stepMs);
  }
}

const none = { method: undefined, factor: 1, skill: 0 };
const samplesThatCorrect = 3;
/** The year 1973: an earlier time was counted in seconds. Traces may begin at 0. */
const earliestMs = 1e11;
/** The year 2200: a later time was counted in microseconds. */
const latestMs = 7_258_118_400_000;

function assertSample(load: number, atMs: number, fromMs: number): void {
  const problems = [
    ...(Number.isFinite(load) && load >= 0
      ? []
      : [{ path: 'load', message: `must be a finite number, at least 0, not ${load}` }]),
    ...(atMs >= fromMs && atMs < latestMs
      ? []
      : [
          {
            path: 'atMs',
            message: `must be milliseconds since 1970, of a time before 2200, not ${atMs}${atMs > 0 && atMs < fromMs ? '; are these seconds?' : ''}`,
          },
        ]),
  ];
  if (problems.length > 0) throw new ConfigError('This is no sample of a load', problems);
}
