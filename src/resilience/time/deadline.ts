import { AbortedError, TimeoutError } from '../../errors/call-error.ts';
import { ConfigError } from '../../errors/config-error.ts';
import type { CallMeter } from '../../observability/call-meter.ts';
import { type Priority, priorities } from '../admission/priority.ts';

type Listener = (reason: Error) => void;

/** The calls that a signal ends, and the one listener that tells them all: Node warns of more than ten. */
interface Followers {
  readonly calls: Set<Deadline>;
  readonly onAbort: () => void;
}

const followersOf = new WeakMap<AbortSignal, Followers>();

/** The longest delay a timer can hold: 2^31 - 1 ms, 24.8 days. */
const maxTimeoutMs = 2 ** 31 - 1;

/**
 * The one deadline of a call, from the queue to the last retry, on the monotonic clock. It ends
 * when its time is over or its caller's signal fires, whichever is first. It also says how much the
 * call matters, which everybody asks who asks how long it may take.
 *
 * One timer a call and no AbortController unless somebody asks for the `signal`: generic timeouts
 * built on controllers cost over ten microseconds a call.
 */
export class Deadline {
  readonly timeoutMs: number;
  readonly priority: Priority;
  /** Charged with what is done under this deadline; undefined while nobody wants to know. */
  readonly meter: CallMeter | undefined;
  /** When its time is over, in milliseconds on the monotonic clock. */
  readonly expiresAt: number;
  readonly #callerSignal: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;
  #grace: NodeJS.Immediate | undefined;
  /** Most calls have one listener at a time, which costs no collection. */
  #listener: Listener | undefined;
  #others: Set<Listener> | undefined;
  #reason: Error | undefined;
  #controller: AbortController | undefined;

  /** @param timeoutMs milliseconds from now, or Infinity for work that only its callers end. */
  constructor(
    timeoutMs: number,
    signal?: AbortSignal,
    priority: Priority = 'default',
    meter?: CallMeter,
  ) {
    const never = timeoutMs === Number.POSITIVE_INFINITY;
    if (!(timeoutMs > 0 && (timeoutMs <= maxTimeoutMs || never))) {
      throw new ConfigError('Bad call options', [
        { path: 'timeoutMs', message: `must be over 0 and at most ${maxTimeoutMs}` },
      ]);
    }
    if (!priorities.includes(priority)) {
      throw new ConfigError('Bad call options', [
        { path: 'priority', message: `must be one of ${priorities.join(', ')}` },
      ]);
    }
    if (signal !== undefined && !isSignal(signal)) {
      throw new ConfigError('Bad call options', [
        {
          path: 'signal',
          message: 'must be an AbortSignal, such as the signal of an AbortController',
        },
      ]);
    }
    this.timeoutMs = timeoutMs;
    this.priority = priority;
    this.meter = meter;
    this.expiresAt = performance.now() + timeoutMs;
    this.#callerSignal = signal;
    if (!never) this.#timer = setTimeout(Deadline.#onTimer, timeoutMs, this);
    if (signal !== undefined) this.#follow(signal);
  }

  /** A deadline for a part of the same call, which ends by itself only. */
  part(timeoutMs: number): Deadline {
    return new Deadline(timeoutMs, undefined, this.priority, this.meter);
  }

  /** Why nobody waits any more: a TimeoutError or an AbortedError. Undefined while somebody does. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** When the first of those who wait for the work loses what it brings, on the monotonic clock. */
  get neededBy(): number {
    return this.expiresAt;
  }

  get remainingMs(): number {
    return Math.max(0, this.expiresAt - performance.now());
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
    if (this.#reason !== undefined) {
      listener(this.#reason);
      return () => {};
    }
    if (this.#listener === undefined) {
      this.#listener = listener;
      return () => {
        if (this.#listener === listener) this.#listener = undefined;
      };
    }
    // Its own, so that a listener that was given twice is called twice, and goes one at a time.
    const other: Listener = (reason) => listener(reason);
    this.#others ??= new Set();
    this.#others.add(other);
    return () => {
      this.#others?.delete(other);
    };
  }

  /** Settles like `work`, or rejects when the deadline passes first. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stopListening = this.onCancel(reject);
      work.then(
        (value) => {
          stopListening();
          resolve(value);
        },
        (error) => {
          stopListening();
          reject(error);
        },
      );
    });
  }

  /** Resolves after `delayMs`, or rejects when the deadline passes first. */
  pause(delayMs: number): Promise<void> {
    if (this.#reason !== undefined) return Promise.reject(this.#reason);
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
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const first = this.#listener;
    const others = this.#others ?? [];
    this.end();
    first?.(reason);
    for (const listener of others) listener(reason);
    this.#controller?.abort(reason);
  }

  /** The call is over: frees the timer and the listener on the caller's signal. */
  end(): void {
    clearTimeout(this.#timer);
    if (this.#grace !== undefined) clearImmediate(this.#grace);
    if (this.#callerSignal !== undefined) this.#unfollow(this.#callerSignal);
    this.#listener = undefined;
    this.#others = undefined;
  }

  #follow(signal: AbortSignal): void {
    if (signal.aborted) {
      this.#abort(signal);
      return;
    }
    const known = followersOf.get(signal);
    if (known !== undefined) {
      known.calls.add(this);
      return;
    }
    const calls = new Set<Deadline>([this]);
    const onAbort = () => {
      for (const call of calls) call.#abort(signal);
    };
    followersOf.set(signal, { calls, onAbort });
    signal.addEventListener('abort', onAbort);
  }

  #unfollow(signal: AbortSignal): void {
    const followers = followersOf.get(signal);
    if (followers === undefined || !followers.calls.delete(this) || followers.calls.size > 0)
      return;
    followersOf.delete(signal);
    signal.removeEventListener('abort', followers.onAbort);
  }

  #abort({ reason }: AbortSignal): void {
    this.cancel(new AbortedError('The caller aborted the call.', { cause: reason }));
  }

  // After a stall of the event loop timers run before the sockets are read: the answer may have
  // arrived long ago. One turn of the loop lets it win.
  static readonly #onTimer = (deadline: Deadline): void => {
    deadline.#grace = setImmediate(Deadline.#onGraceOver, deadline);
  };

  static readonly #onGraceOver = (deadline: Deadline): void => {
    const { timeoutMs } = deadline;
    deadline.cancel(
      new TimeoutError(`The deadline of ${timeoutMs} ms passed.`, { context: { timeoutMs } }),
    );
  };
}

/** Of any realm or polyfill. A controller has neither. */
function isSignal(given: unknown): boolean {
  return (
    typeof given === 'object' &&
    given !== null &&
    'aborted' in given &&
    'addEventListener' in given &&
    typeof given.addEventListener === 'function'
  );
}
