import type { Guard } from '../guard.ts';
import type { GuardedWork, GuardRunOptions } from '../guard-types.ts';
import type { PolicyCalls } from '../policy-calls.ts';
import type { Deadline } from '../time/deadline.ts';
import { createBackoff } from './backoff.ts';
import { decided } from './later-error.ts';
import { RetryBudget } from './retry-budget.ts';

const backoff = { baseMs: 25, maxMs: 1_000 };

interface AttemptRules {
  readonly retries: number;
  /** Whether an idempotent call may be repeated after that error, where the caller does not decide. */
  readonly mayHelp: (error: unknown) => boolean;
}

/** The attempts of one guard's calls, each admitted by itself; retries share a budget. */
export class Attempts<Alt> {
  readonly #guard: Guard;
  readonly #policy: PolicyCalls<Alt>;
  readonly #rules: AttemptRules;
  readonly #budget = new RetryBudget();

  constructor(guard: Guard, policy: PolicyCalls<Alt>, rules: AttemptRules) {
    this.#guard = guard;
    this.#policy = policy;
    this.#rules = rules;
  }

  async run<T>(
    work: GuardedWork<T>,
    deadline: Deadline,
    { idempotent = false, retry }: GuardRunOptions<unknown>,
  ): Promise<T | Alt> {
    const { retries: most, mayHelp } = this.#rules;
    this.#budget.deposit();
    let nextPause: (() => number) | undefined;
    let earlier: { error: unknown } | undefined;
    for (let retries = 0; ; retries++) {
      let wasCalled = false;
      try {
        const call: GuardedWork<T> = (context) => {
          wasCalled = true;
          return work(context);
        };
        return await this.#guard.admit(
          () => deadline.race(this.#policy.run(call, deadline, idempotent)),
          deadline,
        );
      } catch (error) {
        // Work that ran may have been applied; that its repetition was refused does not deny it.
        if (!wasCalled && earlier !== undefined && deadline.reason === undefined) {
          throw earlier.error;
        }
        // A refusal of its own is not repeated: that is for those who can wait, the callers.
        if (!wasCalled || deadline.reason !== undefined || retries >= most) throw error;
        const again =
          retry === undefined ? idempotent && mayHelp(error) : decided(retry, error, 'retry');
        if (!again || !this.#budget.withdraw()) throw error;
        earlier = { error };
        nextPause ??= createBackoff(backoff);
        const pauseMs = nextPause();
        if (pauseMs >= deadline.remainingMs) throw error;
        await deadline.pause(pauseMs);
      }
    }
  }
}
