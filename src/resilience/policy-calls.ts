import { type CockatielPolicy, policyError } from './cockatiel-policy.ts';
import type { GuardedWork } from './guard-types.ts';
import type { Deadline } from './time/deadline.ts';

/** Runs a guard's work inside of the user's policy, where there is one. */
export class PolicyCalls<Alt> {
  readonly #guard: string;
  readonly #policy: CockatielPolicy<Alt> | undefined;
  /** Errors by which the policy refused work that was not begun: they say nothing of the dependency. */
  readonly #refusals = new WeakSet<object>();

  constructor(guard: string, policy: CockatielPolicy<Alt> | undefined) {
    this.#guard = guard;
    this.#policy = policy;
  }

  hasRefused(error: unknown): boolean {
    return error instanceof Error && this.#refusals.has(error);
  }

  /** A rejection, also of work that throws before it returns a promise. */
  async run<T>(work: GuardedWork<T>, deadline: Deadline, idempotent: boolean): Promise<T | Alt> {
    if (this.#policy === undefined) return work(deadline);
    let hasBegun = false;
    const begin: GuardedWork<T> = (context) => {
      // A policy that waits, a retry say, may come back when the caller has been answered.
      if (deadline.reason !== undefined) throw deadline.reason;
      hasBegun = true;
      return work(context);
    };
    try {
      return await this.#policy.execute(begin, deadline.signal);
    } catch (error) {
      const told = policyError(error, { guard: this.#guard, hasBegun, idempotent });
      if (told instanceof Error && told !== error && !hasBegun) this.#refusals.add(told);
      throw told;
    }
  }
}
