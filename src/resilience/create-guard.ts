import { didYouMean } from '../config/did-you-mean.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import type { Observer } from '../observability/events.ts';
import { fanOut } from '../observability/fan-out.ts';
import { backoffMs } from './backoff.ts';
import { classifyError } from './classify.ts';
import { Deadline } from './deadline.ts';
import { Guard as AdmissionGuard, type GuardState } from './guard.ts';

export interface GuardOptions {
  /** Calls that run at once. Default 32. */
  concurrency?: number;
  /** Calls that may wait for their turn. Default 256. */
  queue?: number;
  /** Failures in a row that open the breaker. Default 5. */
  failures?: number;
  /** Milliseconds the breaker stays open before it lets one probe through. Default 1,000. */
  openMs?: number;
  /** Milliseconds a call may take, queue and retries included. Default 1,000. */
  timeoutMs?: number;
  /** Retries of calls that are marked `idempotent`. Default 2. */
  retries?: number;
  /** Is told when the breaker changes its state. */
  observer?: Observer;
}

export interface GuardRunOptions<F> {
  /** Answers in place of a call that failed or was refused. */
  fallback?: (error: unknown) => F | Promise<F>;
  signal?: AbortSignal;
  /** Overrides the guard's own. */
  timeoutMs?: number;
  /** The call may be repeated after any failure. Default `false`: it is never repeated. */
  idempotent?: boolean;
}

/** Bulkhead, breaker, timeout and retry round a dependency of yours. */
export interface Guard {
  readonly name: string;
  readonly state: GuardState;
  /**
   * Runs `work` inside the guard. `work` gets a `signal` that fires when the deadline passes.
   *
   * @throws {TimeoutError} when the time is over, {@link OverloadError} when bulkhead and queue
   * are full, {@link CircuitOpenError} while the breaker is open, else what `work` threw.
   */
  run<T, F = never>(
    work: (call: { signal: AbortSignal }) => Promise<T>,
    options?: GuardRunOptions<F>,
  ): Promise<T | F>;
}

const defaults = {
  concurrency: 32,
  queue: 256,
  failures: 5,
  openMs: 1_000,
  timeoutMs: 1_000,
  retries: 2,
};
const backoff = { baseMs: 25, maxMs: 1_000 };

/**
 * Makes a guard round one dependency.
 *
 * @throws {ConfigError} naming every option that is out of range.
 */
export function createGuard(name: string, options: GuardOptions = {}): Guard {
  const { observer, ...limits } = options;
  const config = { ...defaults, ...limits };
  checkLimits(config);
  const inner = new AdmissionGuard(name, config, fanOut(observer === undefined ? [] : [observer]));

  async function attempt<T>(
    work: (call: { signal: AbortSignal }) => Promise<T>,
    deadline: Deadline,
    idempotent: boolean,
  ): Promise<T> {
    for (let retry = 0; ; retry++) {
      try {
        return await inner.admit(() => deadline.race(work(deadline)), deadline);
      } catch (error) {
        const again = idempotent && retry < config.retries && deadline.reason === undefined;
        if (!again || classifyError(error).kind === 'permanent') throw error;
        await deadline.pause(backoffMs(retry + 1, backoff));
      }
    }
  }

  return {
    name,
    get state() {
      return inner.state;
    },
    async run(work, { fallback, signal, timeoutMs = config.timeoutMs, idempotent = false } = {}) {
      const deadline = new Deadline(timeoutMs, signal);
      try {
        return await attempt(work, deadline, idempotent);
      } catch (error) {
        if (fallback === undefined) throw error;
        return await fallback(error);
      } finally {
        deadline.end();
      }
    },
  };
}

/** The least of each limit; the most is what a timer can hold. */
const least = { concurrency: 1, queue: 0, failures: 1, openMs: 1, timeoutMs: 1, retries: 0 };
const most = 2 ** 31 - 1;

function checkLimits(config: Readonly<Record<string, unknown>>): void {
  const problems: Problem[] = [];
  for (const path of Object.keys(config)) {
    if (path in least) continue;
    problems.push({ path, message: `unknown key${didYouMean(path, Object.keys(least))}` });
  }
  for (const [path, minimum] of Object.entries(least)) {
    const value = config[path];
    const fits = typeof value === 'number' && Number.isInteger(value);
    if (fits && value >= minimum && value <= most) continue;
    problems.push({ path, message: `must be a whole number from ${minimum} to ${most}` });
  }
  if (problems.length > 0) throw new ConfigError('Bad guard options', problems);
}
