import { isMeridianError } from '../errors/meridian-error.ts';
import type { CallEvent, CallOperation } from '../observability/call-event.ts';
import { CallMeter, type QueuedMs } from '../observability/call-meter.ts';
import type { Observer } from '../observability/events.ts';

const notQueued: QueuedMs = { guard: 0, pool: 0, load: 0 };

/** A call that an observer wants to hear of: from its beginning to its end, which is told once. */
export class ObservedCall {
  readonly meter = new CallMeter();
  readonly #operation: CallOperation;
  readonly #table: string | undefined;
  readonly #observe: Observer;
  readonly #startedAt = performance.now();
  #outcome: CallEvent['outcome'] = 'done';
  #code: CallEvent['code'];

  constructor(operation: CallOperation, table: string | undefined, observe: Observer) {
    this.#operation = operation;
    this.#table = table;
    this.#observe = observe;
  }

  fail(error: unknown): void {
    const isOurs = isMeridianError(error);
    this.#outcome = isOurs ? error.outcome : 'failed';
    this.#code = isOurs ? error.code : undefined;
  }

  end(): void {
    const { shards, attempts, retries } = this.meter;
    this.#observe({
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
    });
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
