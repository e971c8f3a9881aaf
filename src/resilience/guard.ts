import {
  BrokenCircuitError,
  type BulkheadPolicy,
  BulkheadRejectedError,
  bulkhead,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel';
import { AbortedError, CircuitOpenError, OverloadError } from '../errors/call-error.ts';
import type { Observer } from '../observability/events.ts';
import { classifyError, isServerFailure } from './classify.ts';
import type { Deadline } from './deadline.ts';

export interface GuardConfig {
  /** Calls that run at once. */
  readonly concurrency: number;
  /** Calls that may wait for their turn; one more is refused with an OverloadError. */
  readonly queue: number;
  /** Failures in a row that open the breaker. */
  readonly failures: number;
  /** How long the breaker stays open before it lets one probe through. */
  readonly openMs: number;
}

export type GuardState = 'closed' | 'open' | 'half-open';

/**
 * A bulkhead and a breaker round one endpoint or one dependency. Built on cockatiel, with two of
 * its habits changed: while a probe is under way further calls are refused instead of held, and a
 * call that waited in the queue asks the breaker again when its turn comes.
 */
export class Guard {
  readonly name: string;
  readonly #config: GuardConfig;
  readonly #bulkhead: BulkheadPolicy;
  readonly #breaker: CircuitBreakerPolicy;
  #openUntil = 0;

  constructor(name: string, config: GuardConfig, observe: Observer) {
    this.name = name;
    this.#config = config;
    this.#bulkhead = bulkhead(config.concurrency, config.queue);
    this.#breaker = circuitBreaker(
      // A probe that its caller gave up proves nothing, and cockatiel takes what is not a failure
      // for a success.
      handleWhen(
        (error) =>
          isServerFailure(classifyError(error)) ||
          (this.state === 'half-open' && error instanceof AbortedError),
      ),
      { halfOpenAfter: config.openMs, breaker: new ConsecutiveBreaker(config.failures) },
    );
    this.#breaker.onBreak(() => {
      this.#openUntil = performance.now() + config.openMs;
    });
    this.#breaker.onStateChange(() => observe({ type: 'breaker', guard: name, state: this.state }));
  }

  get state(): GuardState {
    const { state } = this.#breaker;
    if (state === CircuitState.Closed) return 'closed';
    return state === CircuitState.HalfOpen ? 'half-open' : 'open';
  }

  /** Calls that run, and that wait for their turn. */
  get load(): { readonly running: number; readonly queued: number } {
    const { concurrency, queue } = this.#config;
    const { executionSlots, queueSlots } = this.#bulkhead;
    return { running: concurrency - executionSlots, queued: queue - queueSlots };
  }

  /**
   * Runs `work` when there is room and the breaker lets it through, else refuses at once. `work`
   * itself must settle when the deadline passes. Work that goes on for long, a stream say, tells by
   * `isWell` that the endpoint answers: as a probe it would otherwise keep everybody out to its end.
   */
  async admit<T>(
    work: () => Promise<T>,
    deadline: Deadline,
    isWell?: Promise<unknown>,
  ): Promise<T> {
    this.#refuseWhenOpen();
    const waits = this.#bulkhead.executionSlots === 0;
    try {
      const admitted = this.#bulkhead.execute(() => {
        // Time lost in the queue says nothing about the endpoint: the breaker must not count it.
        if (deadline.reason !== undefined) throw deadline.reason;
        this.#refuseWhenOpen();
        return isWell === undefined ? this.#breaker.execute(work) : this.#judge(work, isWell);
      });
      // Work ends itself when the deadline passes; only a place in the queue can't.
      return await (waits ? deadline.race(admitted) : admitted);
    } catch (error) {
      if (error instanceof BrokenCircuitError) throw this.#circuitOpen();
      if (error instanceof BulkheadRejectedError) throw this.#overloaded();
      throw error;
    }
  }

  async #judge<T>(work: () => Promise<T>, isWell: Promise<unknown>): Promise<T> {
    let running: Promise<T> | undefined;
    await this.#breaker.execute(() => {
      running = work();
      return Promise.race([isWell, running]);
    });
    if (running === undefined) throw new TypeError('the breaker ran no work and did not refuse');
    return running;
  }

  #refuseWhenOpen(): void {
    const { state } = this;
    if (state === 'closed') return;
    // One probe at a time: cockatiel would hold the others and then release them all at once.
    if (state === 'half-open' || performance.now() < this.#openUntil) throw this.#circuitOpen();
  }

  #circuitOpen(): CircuitOpenError {
    return new CircuitOpenError(
      `'${this.name}' failed ${this.#config.failures} times in a row and is left alone; ` +
        `one call probes it every ${this.#config.openMs} ms. Try later or use a fallback.`,
      { context: { guard: this.name } },
    );
  }

  #overloaded(): OverloadError {
    const { concurrency, queue } = this.#config;
    return new OverloadError(
      `'${this.name}' is busy: ${concurrency} calls run and ${queue} wait. Slow down, or raise its limits.`,
      { context: { guard: this.name, concurrency, queue } },
    );
  }
}
