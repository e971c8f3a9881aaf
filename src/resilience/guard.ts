import type { BreakerWindow } from '../config/breaker-window.ts';
import { AbortedError, TimeoutError } from '../errors/call-error.ts';
import type { Observer } from '../observability/events.ts';
import { Bulkhead } from './admission/bulkhead.ts';
import { RunningLimit } from './admission/running-limit.ts';
import { Throttle } from './admission/throttle.ts';
import { Breaker, type GuardState, type Probe } from './breaker/breaker.ts';
import { consecutiveRule, eitherRule, windowRule } from './breaker/breaker-rules.ts';
import { type Verdict, verdictOf } from './breaker/verdict.ts';
import type { Deadline } from './time/deadline.ts';
import { StallWatch } from './time/stall-watch.ts';

export interface GuardConfig {
  /** Calls that run at once. */
  readonly concurrency: number;
  /** Calls that may wait for their turn; one more is refused with an OverloadError. */
  readonly queue: number;
  /** Failures in a row that open the breaker; none where only `window` is given. */
  readonly failures?: number | undefined;
  readonly window?: BreakerWindow | undefined;
  /** Milliseconds the breaker stays open before a probe. */
  readonly openMs: number;
  /** Milliseconds from one call at once to all of them after the breaker has closed. Default 0. */
  readonly rampMs?: number | undefined;
  /** Probes beside the calls; without it a call is the probe. */
  readonly probe?: Probe | undefined;
  /** Milliseconds a probe may take. Default 1,000. */
  readonly probeTimeoutMs?: number | undefined;
  /** Milliseconds of silence after which calls that run are doubted; needs `probe`. Default: never. */
  readonly stallMs?: number | undefined;
  /** Told when the breaker was opened from outside, by a stall say: what runs will hardly be answered. */
  readonly onTrip?: (() => void) | undefined;
  /** Adapts how many calls run at once to how fast they are. Default `false`. */
  readonly adaptive?: boolean | undefined;
  /** Refuses a share of the calls while most are turned away. Default `false`. */
  readonly throttle?: boolean | undefined;
  readonly verdict?: ((error: unknown) => Verdict) | undefined;
  readonly now?: (() => number) | undefined;
  readonly random?: (() => number) | undefined;
}

/** About one call. */
export interface Admission {
  /** Resolves when the endpoint has answered, for work that goes on for long after that. */
  readonly isWell?: Promise<unknown> | undefined;
  /** Whether its duration says how fast the endpoint is. Default `true`; no with `isWell`. */
  readonly timed?: boolean | undefined;
  /** Whether it belongs to a call that may have a place here: it waits for none, nor is one shed. Default `false`. */
  readonly isNested?: boolean | undefined;
}

/**
 * How a guard is just now.
 *
 * @example
 * const { running, limit }: GuardSnapshot = data.guard('prices').snapshot();
 */
export interface GuardSnapshot {
  readonly state: GuardState;
  /** Calls that run. */
  readonly running: number;
  /** Calls that wait for their turn. */
  readonly queued: number;
  /** Calls that may run at once now: less than configured while it adapts or ramps up. */
  readonly limit: number;
  /** Share of default calls that are refused because most are turned away, 0 to 1. */
  readonly throttled: number;
}

const plain: Admission = {};

/**
 * What stands round one endpoint or one dependency: bulkhead with a queue, breaker, adaptive limit,
 * throttle and stall watch. It never repeats a call. A refusal costs no timer, no stack, no statement.
 */
export class Guard {
  readonly name: string;
  readonly #bulkhead: Bulkhead;
  readonly #breaker: Breaker;
  readonly #limit: RunningLimit;
  readonly #throttle: Throttle | undefined;
  readonly #watch: StallWatch | undefined;
  /** Whether its probe judges what was not answered in time; a window counts that by itself. */
  readonly #doubts: boolean;
  readonly #verdict: (error: unknown) => Verdict;
  readonly #now: () => number;
  readonly #onTrip: (() => void) | undefined;
  #closed = false;

  constructor(name: string, config: GuardConfig, observe: Observer) {
    const { probe, probeTimeoutMs = 1_000, stallMs } = config;
    const now = config.now ?? (() => performance.now());
    this.name = name;
    this.#onTrip = config.onTrip;
    this.#now = now;
    this.#verdict = config.verdict ?? verdictOf;
    this.#bulkhead = new Bulkhead(name, config);
    this.#limit = new RunningLimit(config, now, (limit) => {
      if (limit !== this.#bulkhead.limit) this.#bulkhead.limit = limit;
    });
    if (config.throttle === true) this.#throttle = new Throttle(name, config.random ?? Math.random);
    this.#breaker = new Breaker(name, {
      rule: ruleOf(config),
      openMs: config.openMs,
      probe,
      probeTimeoutMs,
      now,
      onChange: (state) => {
        this.#onState(state);
        observe({ type: 'breaker', guard: name, state });
      },
    });
    this.#doubts = probe !== undefined && stallMs !== undefined && config.window === undefined;
    if (probe !== undefined && stallMs !== undefined) {
      this.#watch = new StallWatch({
        stallMs,
        probeTimeoutMs,
        probe,
        onStalled: (reason) => this.trip(reason),
      });
    }
  }

  get state(): GuardState {
    return this.#breaker.state;
  }

  snapshot(): GuardSnapshot {
    const { running, queued } = this.#bulkhead;
    return {
      state: this.state,
      running,
      queued,
      limit: this.#limit.current,
      throttled: this.#throttle?.share('default', this.#now()) ?? 0,
    };
  }

  /**
   * Opens the breaker for a reason that was seen from outside; who waits is refused too. It recovers
   * by a probe, as always. `reason` is put after "because" in what callers are told.
   */
  trip(reason: string): void {
    if (this.#closed) return;
    this.#breaker.trip(reason);
    this.#onTrip?.();
  }

  /**
   * Runs `work` when there is room and the breaker lets it through, else refuses at once. `work`
   * itself must settle when the deadline passes. Work that goes on for long, a stream say, tells by
   * `isWell` that the endpoint answers: as a probe it would otherwise keep everybody out to its end.
   */
  async admit<T>(
    work: () => Promise<T>,
    deadline: Deadline,
    { isWell, timed = isWell === undefined, isNested = false }: Admission = plain,
  ): Promise<T> {
    if (deadline.reason !== undefined) throw deadline.reason;
    const { priority } = deadline;
    this.#breaker.check();
    // A call that may become the probe is not for chance to refuse.
    if (!isNested && this.state === 'closed') this.#throttle?.check(priority, this.#now);
    this.#limit.advance();
    const turn = isNested ? this.#bulkhead.enterAtOnce() : this.#bulkhead.enter(priority, deadline);
    if (turn !== undefined) await turn;
    let serviceMs: number | undefined;
    if (!timed) this.#limit.last(1);
    try {
      // While it waited for its turn the deadline may have passed, or the breaker opened.
      if (deadline.reason !== undefined) throw deadline.reason;
      if (turn !== undefined) this.#bulkhead.checkTime(deadline);
      const period = this.#breaker.begin();
      const startedAt = this.#now();
      this.#watch?.began();
      if (isWell !== undefined) return await this.#runLong(work, isWell, period, deadline);
      let value: T;
      try {
        value = await work();
      } catch (error) {
        this.#fail(period, startedAt, error, deadline);
        throw error;
      }
      const durationMs = this.#settle(period, startedAt, 'well', true);
      if (timed) {
        serviceMs = durationMs;
        this.#limit.measured(durationMs, this.#bulkhead.running, startedAt + durationMs);
      }
      return value;
    } finally {
      if (!timed) this.#limit.last(-1);
      this.#limit.advance();
      this.#bulkhead.leave(serviceMs);
    }
  }

  /** Stops every timer; what runs goes on to its end. */
  close(): void {
    this.#closed = true;
    this.#limit.stopRamp();
    this.#watch?.close();
    this.#breaker.close();
  }

  /** Judged by what comes first: a sign of life, or the end. */
  async #runLong<T>(
    work: () => Promise<T>,
    isWell: Promise<unknown>,
    period: number,
    deadline: Deadline,
  ): Promise<T> {
    const startedAt = this.#now();
    let isJudged = false;
    const succeed = () => {
      if (!isJudged) this.#settle(period, startedAt, 'well', true);
      isJudged = true;
    };
    try {
      const running = work();
      isWell.then(
        succeed,
        () => {}, // its end will tell
      );
      const value = await running;
      succeed();
      return value;
    } catch (error) {
      if (!isJudged) {
        isJudged = true;
        this.#fail(period, startedAt, error, deadline);
      }
      throw error;
    }
  }

  #fail(period: number, startedAt: number, error: unknown, deadline: Deadline): void {
    // Its caller left, or had not left it the time that such calls take.
    const isNobodysFault =
      deadline.reason instanceof AbortedError ||
      (deadline.reason !== undefined && this.#bulkhead.isBrief(this.#now() - startedAt));
    // No answer in time is a busy endpoint's as well as a dead one's; a probe can tell them apart.
    const isDoubtful = this.#doubts && deadline.reason instanceof TimeoutError;
    const isOpen = isNobodysFault || isDoubtful;
    let verdict: Verdict = isOpen ? 'nothing' : 'unwell';
    if (isDoubtful && !isNobodysFault) this.#watch?.doubt();
    try {
      if (!isOpen) verdict = this.#verdict(error);
    } finally {
      // Also when a judge of the user's throws: a probe that never ended would keep it closed to all.
      this.#settle(period, startedAt, verdict, deadline.reason === undefined, error);
    }
  }

  /** @param isAnswer whether it ended by itself, and not because nobody waits any more. */
  #settle(
    period: number,
    startedAt: number,
    verdict: Verdict,
    isAnswer: boolean,
    cause?: unknown,
  ): number {
    const now = this.#now();
    const durationMs = now - startedAt;
    this.#watch?.ended(isAnswer);
    const isJudged = this.#breaker.settle(period, verdict, durationMs, cause);
    if (isJudged && verdict !== 'nothing') this.#throttle?.record(verdict !== 'refused', now);
    return durationMs;
  }

  #onState(state: GuardState): void {
    this.#limit.stopRamp();
    if (state === 'open') {
      this.#watch?.pause();
      this.#bulkhead.flush(() => this.#breaker.refusal());
    }
    if (state === 'closed' && !this.#closed) {
      this.#watch?.resume();
      this.#throttle?.reset();
      this.#limit.rampUp(this.#bulkhead.running);
    }
    this.#limit.apply();
  }
}

function ruleOf({ failures, window }: GuardConfig) {
  const share = window === undefined ? undefined : windowRule(window);
  if (failures === undefined) return share ?? consecutiveRule(Number.POSITIVE_INFINITY);
  const inARow = consecutiveRule(failures);
  return share === undefined ? inARow : eitherRule(inARow, share);
}
