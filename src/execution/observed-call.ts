import { isMeridianError } from '../errors/meridian-error.ts';
import {
  type CallMessage,
  isChannelHeard,
  publishEnd,
  publishStart,
} from '../observability/call-channel.ts';
import type { CallEvent, CallOperation, QueuedMs } from '../observability/call-event.ts';
import { CallMeter } from '../observability/call-meter.ts';
import type { Observer } from '../observability/events.ts';
import type { Trace } from '../observability/trace.ts';

const notQueued: QueuedMs = { guard: 0, pool: 0, load: 0 };

/** A call that an observer wants to hear of: from its beginning to its end, which is told once. */
export class ObservedCall {
  readonly meter: CallMeter;
  readonly #operation: CallOperation;
  readonly #table: string | undefined;
  readonly #observe: Observer | undefined;
  readonly #startedAt = performance.now();
  #outcome: CallEvent['outcome'] = 'done';
  #code: CallEvent['code'];
  readonly #message: CallMessage | undefined;
  #failure: { readonly error: unknown } | undefined;
  #hasEnded = false;

  /** @param observe wants to hear how it ends; undefined: nobody but those who follow it. */
  constructor(
    operation: CallOperation,
    table: string | undefined,
    observe?: Observer,
    trace?: Trace,
  ) {
    this.#operation = operation;
    this.#table = table;
    this.#observe = observe;
    this.meter = new CallMeter(undefined, trace);
    this.#message = isChannelHeard() ? { operation, table } : undefined;
  }

  /** Begins it, for those who listen to the channel. */
  begin<T>(work: () => T): T {
    return this.#message === undefined ? work() : publishStart(this.#message, work);
  }

  fail(error: unknown): void {
    const isOurs = isMeridianError(error);
    this.#failure = { error };
    this.#outcome = isOurs ? error.outcome : 'failed';
    this.#code = isOurs ? error.code : undefined;
  }

  /** Tells how it ended, once. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { shards, attempts, retries } = this.meter;
    const event: CallEvent = {
      type: 'call',
      operation: this.#operation,
      table: this.#table,
      shards,
      durationMs: performance.now() - this.#startedAt,
      queuedMs: this.meter.queuedMs(),
      attempts,
      retries,
      outcome: this.#outcome,
      code: this.#code,
    };
    this.#observe?.(event);
    this.meter.trace?.endCall(event);
    if (this.#message !== undefined) publishEnd(this.#message, event, this.#failure);
  }
}

/** What is told of a read that memory answered before it was a call. */
export function memoryHit(operation: CallOperation, table: string): CallEvent {
  return {
    type: 'call',
    operation,
    table,
    shards: [],
    durationMs: 0,
    queuedMs: notQueued,
    attempts: 0,
    retries: 0,
    outcome: 'done',
    code: undefined,
  };
}
