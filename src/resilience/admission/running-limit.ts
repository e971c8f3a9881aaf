import { ConcurrencyLimit } from './concurrency-limit.ts';
import { Ramp } from './ramp.ts';

export interface RunningLimitConfig {
  /** Calls at once, at most. */
  readonly concurrency: number;
  readonly adaptive?: boolean | undefined;
  readonly rampMs?: number | undefined;
}

/** How many calls may run at once just now: fewer than configured while it adapts or comes back. */
export class RunningLimit {
  readonly #concurrency: number;
  readonly #adapted: ConcurrencyLimit | undefined;
  readonly #ramp: Ramp;
  readonly #onChange: (limit: number) => void;
  #runningAtRamp = 0;
  /** Calls that last as long as their callers like, and may wait for others here: beside what adapts. */
  #lasting = 0;

  constructor(
    { concurrency, adaptive, rampMs = 0 }: RunningLimitConfig,
    now: () => number,
    onChange: (limit: number) => void,
  ) {
    this.#concurrency = concurrency;
    this.#onChange = onChange;
    this.#ramp = new Ramp(rampMs, now, () => this.apply());
    if (adaptive === true) this.#adapted = new ConcurrencyLimit(concurrency);
  }

  get current(): number {
    const adapted = (this.#adapted?.limit ?? this.#concurrency) + this.#lasting;
    const most = Math.min(this.#concurrency, adapted);
    const share = this.#ramp.share();
    if (share === 1) return most;
    // Calls that were under way when the ramp began hold their places beside it.
    const room = this.#concurrency - this.#runningAtRamp;
    return Math.min(most, Math.max(1, this.#runningAtRamp + Math.ceil(room * share)));
  }

  /** A call of ordinary length succeeded while `running` ran, itself included. */
  measured(durationMs: number, running: number, now: number): void {
    if (this.#adapted?.measure(durationMs, running, now)) this.apply();
  }

  /** One more of the calls that last, or one fewer. */
  last(change: 1 | -1): void {
    this.#lasting += change;
    if (this.#adapted !== undefined) this.apply();
  }

  /** From one call beside the `running` ones to all of them, within `rampMs`. */
  rampUp(running: number): void {
    this.#runningAtRamp = running;
    this.#ramp.start();
  }

  stopRamp(): void {
    this.#ramp.stop();
  }

  /** Tells what a ramp has come to. Costs nothing without one. */
  advance(): void {
    if (this.#ramp.isActive) this.apply();
  }

  apply(): void {
    this.#onChange(this.current);
  }
}
