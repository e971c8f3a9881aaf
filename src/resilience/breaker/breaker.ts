import { CircuitOpenError } from '../../errors/call-error.ts';
import { withoutStack } from '../retry/refusal.ts';
import { withTimeLimit } from '../time/time-limit.ts';
import type { BreakerRule } from './breaker-rules.ts';
import type { Verdict } from './verdict.ts';

/**
 * `closed` lets calls through, `open` refuses them, `half-open` tries whether it may close.
 *
 * @example
 * const state: GuardState = data.guard('prices').state;
 */
export type GuardState = 'closed' | 'open' | 'half-open';

/** Finds out beside all calls whether the endpoint is back; rejects when it is not. */
export type Probe = () => Promise<unknown>;

export interface BreakerConfig {
  readonly rule: BreakerRule;
  /** Milliseconds it stays open before a probe. */
  readonly openMs: number;
  /** Runs when it is due, whether anybody calls or not. Without one, a user's call is the probe. */
  readonly probe?: Probe | undefined;
  readonly probeTimeoutMs: number;
  readonly now: () => number;
  readonly onChange: (state: GuardState) => void;
}

/**
 * The states of a circuit breaker, after M. Nygard, "Release It!". Time is monotonic. While a probe is
 * under way everybody else is refused. A call that began under an earlier state is not judged: the
 * last calls to a dead server may end long after it is back.
 */
export class Breaker {
  readonly #name: string;
  readonly #config: BreakerConfig;
  #state: GuardState = 'closed';
  #openUntil = 0;
  #why = '';
  /** What failed last, for those who ask why. */
  #cause: unknown;
  #period = 0;
  #probing: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(name: string, config: BreakerConfig) {
    this.#name = name;
    this.#config = config;
  }

  get state(): GuardState {
    return this.#state;
  }

  /**
   * Refuses a call that has no chance now. Where a probe is due and a function does it, this starts it.
   *
   * @throws {CircuitOpenError}
   */
  check(): void {
    if (this.#state === 'closed') return;
    const due = this.#state === 'open' && this.#config.now() >= this.#openUntil;
    if (due && this.#config.probe === undefined) return;
    if (due && this.#config.probe !== undefined) this.#runProbe(this.#config.probe);
    throw this.refusal();
  }

  /**
   * A call begins now; it may be the probe. Returns what `settle` must be told.
   *
   * @throws {CircuitOpenError}
   */
  begin(): number {
    if (this.#state !== 'closed') {
      this.check();
      this.#become('half-open');
    }
    return this.#period;
  }

  /** A call of `begin` has ended. Returns whether it was judged. */
  settle(period: number, verdict: Verdict, durationMs: number, cause?: unknown): boolean {
    if (period !== this.#period) return false;
    if (verdict === 'unwell') this.#cause = cause;
    if (this.#state === 'half-open') this.#judgeProbe(verdict);
    else if (verdict !== 'nothing') {
      const { rule, now } = this.#config;
      const opens = verdict === 'well' ? rule.succeeded(durationMs, now()) : rule.failed(now());
      if (opens) this.#open(rule.reason, this.#config.openMs);
    }
    return true;
  }

  /** Opens it for a reason seen from outside. It recovers as always, by a probe. */
  trip(reason: string): void {
    if (this.#state === 'closed') this.#open(reason, this.#config.openMs);
  }

  refusal(): CircuitOpenError {
    const probing = this.#config.probe === undefined ? 'one call probes it' : 'it is probed';
    const retryAfterMs = Math.max(0, Math.ceil(this.#openUntil - this.#config.now()));
    return withoutStack(
      () =>
        new CircuitOpenError(
          `'${this.#name}' is left alone because ${this.#why}; ${probing} every ` +
            `${this.#config.openMs} ms. Try later or use a fallback.`,
          { context: { guard: this.#name }, retryAfterMs, cause: this.#cause },
        ),
    );
  }

  #judgeProbe(verdict: Verdict): void {
    if (verdict === 'well') {
      this.#config.rule.reset();
      this.#become('closed');
    } else {
      // A probe that its caller gave up proves nothing; the next call is one at once.
      this.#open(this.#why, verdict === 'nothing' ? 0 : this.#config.openMs);
    }
  }

  /** No more probes. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#probing);
  }

  /** An endpoint that nobody calls recovers too: its first caller must not be the one who finds out. */
  #probeWhenDue(probe: Probe): void {
    clearTimeout(this.#probing);
    if (this.#isClosed || this.#state !== 'open') return;
    const waitMs = this.#openUntil - this.#config.now();
    if (waitMs <= 0) this.#runProbe(probe);
    else this.#probing = setTimeout(() => this.#probeWhenDue(probe), waitMs).unref();
  }

  #runProbe(probe: Probe): void {
    this.#become('half-open');
    const period = this.#period;
    withTimeLimit(probe, this.#config.probeTimeoutMs).then(
      () => this.settle(period, 'well', 0),
      (cause: unknown) => this.settle(period, 'unwell', 0, cause),
    );
  }

  #open(why: string, forMs: number): void {
    this.#why = why;
    this.#openUntil = this.#config.now() + forMs;
    this.#become('open');
    const { probe } = this.#config;
    if (probe !== undefined) this.#probeWhenDue(probe);
  }

  #become(state: GuardState): void {
    this.#period++;
    if (state === 'closed') this.#cause = undefined;
    this.#state = state;
    this.#config.onChange(state);
  }
}
