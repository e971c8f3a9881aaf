import type { Priority } from './admission/priority.ts';
import type { GuardState } from './breaker/breaker.ts';
import type { CockatielPolicy } from './cockatiel-policy.ts';
import type { GuardSnapshot } from './guard.ts';

/** What a guard runs: it is given a signal that fires when nobody waits any more. */
export type GuardedWork<T> = (call: { signal: AbortSignal }) => Promise<T>;

/**
 * What one call through a guard may take, and what stands in for it.
 *
 * @example
 * await data.guard('prices').run(fetchPrice, { timeoutMs: 200, idempotent: true, fallback: () => lastPrice });
 */
export interface GuardRunOptions<F> {
  /**
   * Answers in place of a call that failed or was refused; not asked when the caller itself aborted.
   * When it throws, that error is thrown, with the first one as its `cause` if it has none.
   */
  fallback?: (error: unknown) => F | Promise<F>;
  /** Ends the call when it fires. One that has fired before means that `work` is never called. */
  signal?: AbortSignal;
  /** Milliseconds, over 0 and below 2^31. Overrides the guard's own. */
  timeoutMs?: number;
  /** The call may be repeated after any failure. Default `false`: it is never repeated. */
  idempotent?: boolean;
  /**
   * Decides after each error of `work` whether it is repeated, in place of `idempotent`. Only `true`
   * means yes. When it throws, that error is thrown, with the first one as its `cause`.
   */
  retry?: (error: unknown) => boolean;
  /**
   * Who goes first when there is not room for all: `critical`, `default` or `sheddable`. Default
   * `default`.
   */
  priority?: Priority;
}

/**
 * What a guard as a policy may be told of its calls; a policy's callers can't.
 *
 * @example
 * createGuard('prices').asPolicy({ timeoutMs: 300, idempotent: true });
 */
export type GuardPolicyOptions = Pick<
  GuardRunOptions<never>,
  'timeoutMs' | 'idempotent' | 'retry' | 'priority'
>;

/**
 * Bulkhead, breaker, timeout and retry round a dependency of yours. `Alt` is what its `policy` may answer
 * with in place of the work's result.
 *
 * @example
 * const prices: Guard = data.guard('prices', { timeoutMs: 300, retries: 1 });
 * const price = await prices.run(({ signal }) => fetchPrice({ signal }), { fallback: () => lastPrice });
 */
export interface Guard<Alt = never> {
  readonly name: string;
  readonly state: GuardState;
  /** How it is just now, for health checks and metrics. */
  snapshot(): GuardSnapshot;
  /**
   * Opens the breaker because of something that you know and it can't see. `reason` is put after
   * "because" in the message of the refusals. It recovers as always, by a probe.
   */
  trip(reason: string): void;
  /**
   * Runs `work` inside the guard. `work` gets a `signal` that fires when the deadline passes; work that
   * does not heed it goes on unseen, and no longer counts as running.
   *
   * @throws {TimeoutError} when the time is over, {@link AbortedError} when `signal` fired,
   * {@link OverloadError} when there is no room or it would come too late, {@link CircuitOpenError}
   * while the breaker is open, {@link ConfigError} when an option is out of range, else what `work`
   * threw, also when it was to be repeated and there was no room for that any more.
   */
  run<T, F = never>(
    work: (call: { signal: AbortSignal }) => Promise<T>,
    options?: GuardRunOptions<F>,
  ): Promise<T | F | Alt>;
  /**
   * This guard as a cockatiel policy, for code that composes policies: `wrap(retry(…), guard.asPolicy())`.
   * Its `execute` does what `run` does and throws what it throws.
   *
   * @throws {ConfigError} when an option is unknown or out of range.
   */
  asPolicy(options?: GuardPolicyOptions): CockatielPolicy<Alt>;
}
