import { ClosedError } from '../errors/call-error.ts';
import { Deadline } from '../resilience/time/deadline.ts';

export interface RecurringConfig {
  readonly timeoutMs: number;
  /** Told of a run that failed; the next one comes all the same. */
  readonly onFailure: (error: unknown) => void;
}

/** Does work now and then beside all calls, without keeping the process alive. */
export class Recurring {
  readonly #work: (deadline: Deadline) => Promise<unknown>;
  readonly #config: RecurringConfig;
  #timer: NodeJS.Timeout | undefined;
  #running: { readonly deadline: Deadline; readonly done: Promise<void> } | undefined;
  #isClosed = false;

  constructor(work: (deadline: Deadline) => Promise<unknown>, config: RecurringConfig) {
    this.#work = work;
    this.#config = config;
  }

  /**
   * @param everyMs milliseconds from the end of one run to the next, on average: it differs from
   * process to process.
   */
  start(everyMs: number): void {
    if (this.#isClosed) return;
    const delayMs = Math.min(everyMs * (0.5 + Math.random()), 2 ** 31 - 1);
    this.#timer = setTimeout(() => this.#run(everyMs), delayMs);
    this.#timer.unref();
  }

  /** Ends what is under way, and waits for that. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#running?.deadline.cancel(new ClosedError('The data layer is closing.'));
    await this.#running?.done;
  }

  #run(everyMs: number): void {
    const { timeoutMs, onFailure } = this.#config;
    const deadline = new Deadline(timeoutMs);
    const done = this.#work(deadline)
      .then(
        () => undefined,
        (error: unknown) => {
          if (!this.#isClosed) onFailure(error);
        },
      )
      .finally(() => {
        deadline.end();
        this.#running = undefined;
        this.start(everyMs);
      });
    this.#running = { deadline, done };
  }
}
