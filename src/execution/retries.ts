import { CircuitOpenError } from '../errors/call-error.ts';
import { UnverifiedError } from '../errors/database-error.ts';
import { faultBehind } from '../errors/driver-fault.ts';
import { isMeridianError, type MeridianError } from '../errors/meridian-error.ts';
import type { Observer } from '../observability/events.ts';
import { type BackoffConfig, createBackoff } from '../resilience/retry/backoff.ts';
import { classifyError } from '../resilience/retry/classify.ts';
import { RetryBudget } from '../resilience/retry/retry-budget.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Endpoint } from '../topology/topology.ts';

export interface RetryConfig extends BackoffConfig {
  /** Attempts in all, the first included. */
  readonly attempts: number;
  /** Retries and hedges for each call, over many calls. */
  readonly budget: number;
}

/** Retries that hedges leave in the budget. */
const keptForRetries = 10;

/** What failed, and what is left to be tried. */
export interface FailedAttempt {
  readonly error: MeridianError;
  readonly endpoint: Endpoint;
  readonly attempt: number;
  readonly deadline: Deadline;
}

/**
 * The pauses and the budgets of everything that is tried again. Each shard has one budget, which
 * retries and hedges share: when all fails, few of the calls are repeated.
 */
export class Retries {
  readonly config: RetryConfig;
  readonly #observe: Observer;
  readonly #budgets = new Map<string, RetryBudget>();

  constructor(config: RetryConfig, observe: Observer) {
    this.config = config;
    this.#observe = observe;
  }

  /** A shard is asked for the first time on behalf of a call. */
  began(shard: string): void {
    this.#budgetOf(shard).deposit();
  }

  /** Whether a shard may be asked once more than it was asked for; it is counted. */
  allows(shard: string): boolean {
    return this.#budgetOf(shard).withdraw();
  }

  /** The same for a hedge: it can be done without, and leaves what retries may need. */
  allowsHedge(shard: string): boolean {
    return this.#budgetOf(shard).withdraw(keptForRetries);
  }

  /**
   * Resolves when the next attempt may begin.
   *
   * @throws the attempt's own error when there is no budget or no time for another.
   */
  async pause(failed: FailedAttempt, nextPause: () => number): Promise<void> {
    const { error, endpoint, attempt, deadline } = failed;
    // What was not let in has cost the shard nothing, and another endpoint is asked instead.
    const wasKeptOut = isKeptOut(error);
    if (!wasKeptOut && !this.allows(endpoint.shard)) {
      this.#observe({ type: 'retry-denied', endpoint: endpoint.name, code: error.code });
      throw error;
    }
    const delayMs = wasKeptOut || needsAnother(error) ? 0 : nextPause();
    if (delayMs >= deadline.remainingMs) throw error;
    const { code } = error;
    this.#observe({ type: 'retry', endpoint: endpoint.name, attempt, delayMs, code });
    if (delayMs > 0) await deadline.pause(delayMs);
  }

  /**
   * Runs `attempt`, a whole transaction, again when the database rolled it back, up to `retries` times.
   * Nothing of it was applied, so it can't be applied twice; what it did elsewhere is done again. A
   * deadlock says nothing against the shard, so it costs no budget; a lost connection does.
   */
  async rerun<T>(
    primary: Endpoint,
    retries: number,
    deadline: Deadline,
    attempt: () => Promise<T>,
  ): Promise<T> {
    const nextPause = createBackoff(this.config);
    for (let retry = 1; ; retry++) {
      try {
        return await attempt();
      } catch (error) {
        const rolledBack = rolledBackBy(error);
        if (rolledBack === undefined || retry > retries || deadline.reason !== undefined)
          throw error;
        if (classifyError(rolledBack.cause).serverFault && !this.allows(primary.shard)) throw error;
        const delayMs = nextPause();
        if (delayMs >= deadline.remainingMs) throw error;
        const { code } = rolledBack;
        this.#observe({ type: 'retry', endpoint: primary.name, attempt: retry, delayMs, code });
        await deadline.pause(delayMs);
        deadline.meter?.retried();
      }
    }
  }

  #budgetOf(shard: string): RetryBudget {
    let budget = this.#budgets.get(shard);
    if (budget === undefined) {
      budget = new RetryBudget({ ratio: this.config.budget });
      this.#budgets.set(shard, budget);
    }
    return budget;
  }
}

/** Whether another endpoint may do what this one can't now. */
export function needsAnother(error: MeridianError): boolean {
  if (isKeptOut(error)) return true;
  const fault = faultBehind(error);
  return fault !== undefined && classifyError(fault).repeat === 'elsewhere';
}

/** Whether an endpoint was not asked at all: its breaker is open, or it was never verified. */
function isKeptOut(error: MeridianError): boolean {
  return error instanceof CircuitOpenError || error instanceof UnverifiedError;
}

/** The rollback that an error tells of, itself or as its cause. */
function rolledBackBy(error: unknown): MeridianError | undefined {
  if (isRolledBack(error)) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  return isRolledBack(cause) ? cause : undefined;
}

/** Also of a data layer of another copy of the package, which the body of a transaction may have called. */
function isRolledBack(error: unknown): error is MeridianError {
  return isMeridianError(error) && error.code === 'MERIDIAN_ROLLED_BACK' && error.retryable;
}
