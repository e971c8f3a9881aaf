export interface RetryBudgetConfig {
  /** Retries for each first attempt. Default 0.1: at most 1.1 attempts a call when all fail. */
  readonly ratio?: number;
  /** Retries that are saved up at most. Default 50. */
  readonly capacity?: number;
  /**
   * Retries a second that are allowed where there are too few calls to earn them; with more calls
   * they are paid back. Default 1.
   */
  readonly perSecond?: number;
}

/** Retries that a new budget lends, so that the first calls of a process may have theirs. */
const loan = 10;

/**
 * A token bucket for retries and hedges: every first attempt puts `ratio` in, every retry takes 1 out.
 * What is lent to start with, or to slow traffic, is paid back with half of what comes in, so that
 * over many calls the ratio holds exactly.
 *
 * Source: Finagle's RetryBudget and gRPC's retry throttling.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #capacity: number;
  readonly #lendEveryMs: number;
  readonly #now: () => number;
  #tokens = loan;
  #debt = loan;
  #lentAt: number;

  constructor(
    { ratio = 0.1, capacity = 50, perSecond = 1 }: RetryBudgetConfig = {},
    now: () => number = () => performance.now(),
  ) {
    this.#ratio = ratio;
    this.#capacity = capacity;
    this.#lendEveryMs = 1_000 / perSecond;
    this.#now = now;
    this.#lentAt = now();
  }

  /** A first attempt is made. */
  deposit(): void {
    let earned = this.#ratio;
    if (this.#debt > 0) {
      earned /= 2;
      this.#debt -= earned;
    }
    this.#tokens = Math.min(this.#capacity, this.#tokens + earned);
  }

  /**
   * Whether a retry may be made now; it is counted.
   *
   * @param reserve what must be left for others, by who can do without: a hedge. Default 0.
   */
  withdraw(reserve = 0): boolean {
    if (reserve > 0 && this.#tokens < 1 + reserve) return false;
    if (this.#tokens < 1) {
      const now = this.#now();
      if (now - this.#lentAt < this.#lendEveryMs) return false;
      this.#lentAt = now;
      this.#tokens += 1;
      this.#debt = Math.min(loan, this.#debt + 1);
    }
    this.#tokens -= 1;
    return true;
  }
}
