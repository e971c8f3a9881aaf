import { AsyncResource } from 'node:async_hooks';
import { checkCallOptions } from '../config/call-options.ts';
import { AbortedError } from '../errors/call-error.ts';
import { ConfigError } from '../errors/config-error.ts';
import { fanOut } from '../observability/fan-out.ts';
import { dependencyVerdict, type Verdict } from './breaker/verdict.ts';
import { policyOf } from './cockatiel-policy.ts';
import { Guard as AdmissionGuard } from './guard.ts';
import { checkGuardOptions, type GuardOptions } from './guard-options.ts';
import type { Guard } from './guard-types.ts';
import { PolicyCalls } from './policy-calls.ts';
import { Attempts } from './retry/attempts.ts';
import { classifyError } from './retry/classify.ts';
import { givenUp } from './retry/given-up.ts';
import { decided, laterError } from './retry/later-error.ts';
import { Deadline } from './time/deadline.ts';

const none = {};

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
  const { observer, isFailure, stallMs, retries } = config;
  // A probe is begun by any call, or by a timer; it is none of their doing.
  const probe = config.probe && AsyncResource.bind(config.probe);
  const policy = new PolicyCalls(name, config.policy);
  const judge = verdictWith(isFailure);
  const verdict = (error: unknown): Verdict =>
    policy.hasRefused(error) ? 'nothing' : judge(error);
  const inner = new AdmissionGuard(
    name,
    { ...config, probe, stallMs: stallMs === 0 ? undefined : stallMs, verdict },
    fanOut(observer === undefined ? [] : [observer]),
  );
  const mayHelp = (error: unknown) => {
    const said = verdict(error);
    return said === 'unwell' || said === 'refused' || classifyError(error).retryable;
  };
  const attempts = new Attempts(inner, policy, { retries, mayHelp });
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
        return await attempts.run(begin, deadline, options);
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

function checkCall(timeoutMs: unknown): void {
  const most = 2 ** 31 - 1;
  const problems = [];
  // Deadlines without an end are for work that only its callers end; here somebody waits.
  if (!(typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= most)) {
    problems.push({ path: 'timeoutMs', message: `must be over 0 and at most ${most}` });
  }
  if (problems.length > 0) throw new ConfigError('Bad call options', problems);
}
