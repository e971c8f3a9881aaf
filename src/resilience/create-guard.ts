import { AsyncResource } from 'node:async_hooks';
import { checkCallOptions } from '../config/call-options.ts';
import { atOnce } from '../errors/at-once.ts';
import { AbortedError } from '../errors/call-error.ts';
import { ConfigError } from '../errors/config-error.ts';
import { fanOut } from '../observability/fan-out.ts';
import type { Priority } from './admission/priority.ts';
import type { GuardState } from './breaker/breaker.ts';
import { dependencyVerdict, type Verdict } from './breaker/verdict.ts';
import { type CockatielPolicy, policyError, policyOf } from './cockatiel-policy.ts';
import { Guard as AdmissionGuard, type GuardSnapshot } from './guard.ts';
import { checkGuardOptions, type GuardOptions } from './guard-options.ts';
import { createBackoff } from './retry/backoff.ts';
import { classifyError } from './retry/classify.ts';
import { givenUp } from './retry/given-up.ts';
import { laterError } from './retry/later-error.ts';
import { RetryBudget } from './retry/retry-budget.ts';
import { Deadline } from './time/deadline.ts';

export type { GuardOptions } from './guard-options.ts';

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

const none = {};
const backoff = { baseMs: 25, maxMs: 1_000 };

/**
 * Makes a guard round one dependency.
 *
 * @throws {ConfigError} naming every option that is out of range.
 *
 * @example
 * const prices = createGuard('prices', { timeoutMs: 300, retries: 1, failures: 5 });
 * const price = await prices.run(({ signal }) => fetchPrice({ signal }), { fallback: () => lastPrice });
 */
export function createGuard<Alt = never>(
  name: string,
  options: GuardOptions<Alt> = {},
): Guard<Alt> {
  const config = checkGuardOptions(name, options);
  const { observer, isFailure, stallMs, policy } = config;
  // A probe is begun by any call, or by a timer; it is none of their doing.
  const probe = config.probe && AsyncResource.bind(config.probe);
  /** Errors by which the policy refused work that was not begun: they say nothing of the dependency. */
  const refusals = new WeakSet<object>();
  const judge = verdictWith(isFailure);
  const verdict = (error: unknown): Verdict =>
    error instanceof Error && refusals.has(error) ? 'nothing' : judge(error);
  const inner = new AdmissionGuard(
    name,
    { ...config, probe, stallMs: stallMs === 0 ? undefined : stallMs, verdict },
    fanOut(observer === undefined ? [] : [observer]),
  );
  const budget = new RetryBudget();

  async function attempts<T>(
    work: (call: { signal: AbortSignal }) => Promise<T>,
    deadline: Deadline,
    { idempotent = false, retry }: GuardRunOptions<unknown>,
  ): Promise<T | Alt> {
    budget.deposit();
    let nextPause: (() => number) | undefined;
    let earlier: { error: unknown } | undefined;
    for (let retries = 0; ; retries++) {
      let wasCalled = false;
      try {
        const call: typeof work = (context) => {
          wasCalled = true;
          return work(context);
        };
        return await inner.admit(
          () => deadline.race(promiseOf(call, deadline, idempotent)),
          deadline,
        );
      } catch (error) {
        // Work that ran may have been applied; that its repetition was refused does not deny it.
        if (!wasCalled && earlier !== undefined && deadline.reason === undefined) {
          throw earlier.error;
        }
        // A refusal of its own is not repeated: that is for those who can wait, the callers.
        if (!wasCalled || deadline.reason !== undefined || retries >= config.retries) throw error;
        const again =
          retry === undefined ? idempotent && mayHelp(error) : decided(retry, error, 'retry');
        if (!again || !budget.withdraw()) throw error;
        earlier = { error };
        nextPause ??= createBackoff(backoff);
        const pauseMs = nextPause();
        if (pauseMs >= deadline.remainingMs) throw error;
        await deadline.pause(pauseMs);
      }
    }
  }

  /** A rejection, also of work that throws before it returns a promise. */
  async function promiseOf<T>(
    work: (call: { signal: AbortSignal }) => Promise<T>,
    deadline: Deadline,
    idempotent: boolean,
  ): Promise<T | Alt> {
    if (policy === undefined) return work(deadline);
    let hasBegun = false;
    const begin: typeof work = (context) => {
      // A policy that waits, a retry say, may come back when the caller has been answered.
      if (deadline.reason !== undefined) throw deadline.reason;
      hasBegun = true;
      return work(context);
    };
    try {
      return await policy.execute(begin, deadline.signal);
    } catch (error) {
      const told = policyError(error, { guard: name, hasBegun, idempotent });
      if (told instanceof Error && told !== error && !hasBegun) refusals.add(told);
      throw told;
    }
  }

  function mayHelp(error: unknown): boolean {
    const said = verdict(error);
    return said === 'unwell' || said === 'refused' || classifyError(error).retryable;
  }

  const guard: Guard<Alt> = {
    name,
    get state() {
      return inner.state;
    },
    snapshot: () => inner.snapshot(),
    trip: (reason) => inner.trip(reason),
    async run(work, options = none) {
      if (typeof work !== 'function') {
        throw new ConfigError('Bad call', [{ path: 'work', message: 'must be a function' }]);
      }
      if (options !== none) checkCallOptions(options, callOptions);
      const { fallback, signal, timeoutMs = config.timeoutMs, priority } = options;
      checkCall(timeoutMs);
      const deadline = new Deadline(timeoutMs, signal, priority);
      let hasBegun = false;
      const begin: typeof work = (call) => {
        hasBegun = true;
        return work(call);
      };
      try {
        return await attempts(begin, deadline, options);
      } catch (thrown) {
        const { reason } = deadline;
        const error = hasBegun && thrown === reason ? givenUp(reason, options) : thrown;
        const left = signal?.aborted === true && error instanceof AbortedError;
        if (fallback === undefined || left) throw error;
        try {
          return await fallback(error);
        } catch (failure) {
          throw laterError(failure, error);
        }
      } finally {
        deadline.end();
      }
    },
    asPolicy(options = {}) {
      checkCallOptions(options, policyOptions);
      return policyOf<Alt>(
        (work, signal) => guard.run(work, signal === undefined ? options : { ...options, signal }),
        (error) => verdict(error) !== 'well',
      );
    },
  };
  return guard;
}

const policyOptions = new Set(['timeoutMs', 'idempotent', 'retry', 'priority']);
const callOptions = new Set([...policyOptions, 'fallback', 'signal']);

function verdictWith(isFailure: ((error: unknown) => boolean) | undefined) {
  if (isFailure === undefined) return dependencyVerdict;
  return (error: unknown): Verdict => {
    const own = dependencyVerdict(error);
    if (own === 'nothing') return own;
    if (!decided(isFailure, error, 'isFailure')) return 'well';
    return own === 'refused' ? own : 'unwell';
  };
}

function decided(decide: (error: unknown) => boolean, error: unknown, path: string): boolean {
  try {
    return atOnce(decide(error), path) === true;
  } catch (failure) {
    throw laterError(failure, error);
  }
}

function checkCall(timeoutMs: unknown): void {
  const most = 2 ** 31 - 1;
  const problems = [];
  // Deadlines without an end are for work that only its callers end; here somebody waits.
  if (!(typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= most)) {
    problems.push({ path: 'timeoutMs', message: `must be over 0 and at most ${most}` });
  }
  if (problems.length > 0) throw new ConfigError('Bad call options', problems);
}
