import { AbortedError, TimeoutError } from '../errors/call-error.ts';
import { ConfigError } from '../errors/config-error.ts';

type Listener = (reason: Error) => void;

/** The longest delay a timer can hold: 2^31 - 1 ms, 24.8 days. */
const maxTimeoutMs = 2 ** 31 - 1;

/**
 * The one deadline of a call, from the queue to the last retry, on the monotonic clock. It ends
 * when its time is over or its caller's signal fires, whichever is first.
 *
 * One timer a call and no AbortController unless somebody asks for the `signal`: generic timeouts
 * built on controllers cost over ten microseconds a call.
 */
export class Deadline {
  readonly timeoutMs: number;
  readonly #expiresAt: number;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #listeners = new Set<Listener>();
  #reason: Error | undefined;
  #controller: AbortController | undefined;

  /** @param timeoutMs milliseconds from now, or Infinity for work that only its callers end. */
  constructor(timeoutMs: number, signal?: AbortSignal) {
    const never = timeoutMs === Number.POSITIVE_INFINITY;
    if (!(timeoutMs > 0 && (timeoutMs <= maxTimeoutMs || never))) {
      throw new ConfigError('Bad call options', [
        { path: 'timeoutMs', message: `must be over 0 and at most ${maxTimeoutMs}` },
      ]);
    }
    this.timeoutMs = timeoutMs;
    this.#expiresAt = performance.now() + timeoutMs;
    this.#timer = never ? undefined : setTimeout(this.#expire, timeoutMs);
    this.#callerSignal = signal;
    if (signal?.aborted) this.#abort();
    else signal?.addEventListener('abort', this.#abort);
  }

  /** Why nobody waits any more: a TimeoutError or an AbortedError. Undefined while somebody does. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  get remainingMs(): number {
    return Math.max(0, this.#expiresAt - performance.now());
  }

  /** An AbortSignal for code that takes one; made when first asked for. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Calls `listener` when the deadline passes. Returns what takes the listener away again. */
  onCancel(listener: Listener): () => void {
    if (this.#reason !== undefined) listener(this.#reason);
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Settles like `work`, or rejects when the deadline passes first. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stopListening = this.onCancel(reject);
      work.then(resolve, reject).finally(stopListening);
    });
  }

  /** Resolves after `delayMs`, or rejects when the deadline passes first. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const stopListening = this.onCancel((reason) => {
        clearTimeout(timer);
        reject(reason);
      });
      const timer = setTimeout(() => {
        stopListening();
        resolve();
      }, delayMs);
    });
  }

  /** Ends the call early, for a reason of the caller's own. */
  cancel(reason: Error): void {
    this.#settle(reason);
  }

  /** The call is over: frees the timer and the listener on the caller's signal. */
  end(): void {
    clearTimeout(this.#timer);
    this.#callerSignal?.removeEventListener('abort', this.#abort);
    this.#listeners.clear();
  }

  readonly #expire = (): void => {
    this.#settle(
      new TimeoutError(`The deadline of ${this.timeoutMs} ms passed.`, {
        context: { timeoutMs: this.timeoutMs },
      }),
    );
  };

  readonly #abort = (): void => {
    this.#settle(
      new AbortedError('The caller aborted the call.', { cause: this.#callerSignal?.reason }),
    );
  };

  #settle(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const listeners = [...this.#listeners];
    this.end();
    for (const listener of listeners) listener(reason);
    this.#controller?.abort(reason);
  }
}
