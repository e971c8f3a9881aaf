import { ClosedError } from '../errors/call-error.ts';
import { Deadline } from '../resilience/deadline.ts';

export interface CallOptions {
  /** Ends the call when it fires. */
  signal?: AbortSignal;
  /** Milliseconds for the whole call: queue, connection, statement and retries. */
  timeoutMs?: number;
}

/** Admits calls until closing begins, gives each its deadline, and knows how many are under way. */
export class Calls {
  readonly timeoutMs: number;
  #running = 0;
  #closing = false;
  #drained: (() => void) | undefined;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  get running(): number {
    return this.#running;
  }

  async run<T>(
    options: CallOptions | undefined,
    work: (deadline: Deadline) => Promise<T>,
  ): Promise<T> {
    const leave = this.enter();
    try {
      const deadline = new Deadline(options?.timeoutMs ?? this.timeoutMs, options?.signal);
      try {
        return await work(deadline);
      } finally {
        deadline.end();
      }
    } finally {
      leave();
    }
  }

  /** For work that is not one promise, a stream say: counts as running until `leave` is called. */
  enter(): () => void {
    if (this.#closing) throw new ClosedError('The data layer is closed.');
    this.#running++;
    return () => {
      if (--this.#running === 0) this.#drained?.();
    };
  }

  /**
   * Admits nothing more and resolves when what is under way has ended, or when `timeoutMs` is over,
   * with the number of calls that have not ended.
   */
  async drain(timeoutMs: number): Promise<number> {
    this.#closing = true;
    if (this.#running === 0) return 0;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#drained = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return this.#running;
  }
}
