import { checkCallOptions } from '../config/call-options.ts';
import { AbortedError, ClosedError } from '../errors/call-error.ts';
import { isChannelHeard } from '../observability/call-channel.ts';
import type { CallOperation } from '../observability/call-event.ts';
import { isWanted, type Observer } from '../observability/events.ts';
import { type MemoryReads, memoryReadsOf } from '../observability/memory-reads.ts';
import type { Priority } from '../resilience/admission/priority.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import { memoryHit, ObservedCall } from './observed-call.ts';

export interface CallOptions {
  /** Ends the call when it fires. */
  signal?: AbortSignal;
  /** Milliseconds for the whole call: queue, connection, statement and retries. */
  timeoutMs?: number;
  /**
   * How much the call matters where there is not room for all: `sheddable` calls are refused first,
   * `critical` ones go first. Default `default`.
   */
  priority?: Priority;
}

/** What a call is for; `upkeep` is what nobody waits for, a sweep or a backfill say. */
export type CallKind = 'read' | 'write' | 'transaction' | 'stream' | 'upkeep';

/** What became of the calls that were under way when closing began. */
export interface Drained {
  /** Ended by themselves. */
  readonly drained: number;
  /** Were cut off. */
  readonly cut: number;
  /** Those that were cut off, by what they were for. */
  readonly cutByKind: Readonly<Record<CallKind, number>>;
}

const kinds: Readonly<Record<CallOperation, CallKind>> = {
  get: 'read',
  getMany: 'read',
  insert: 'write',
  insertMany: 'write',
  update: 'write',
  delete: 'write',
  relocate: 'write',
  backfill: 'upkeep',
  'by.get': 'read',
  'at.get': 'read',
  'at.getMany': 'read',
  'at.list': 'read',
  'at.query': 'read',
  'at.execute': 'write',
  'at.stream': 'stream',
  'at.transaction': 'transaction',
  'everywhere.query': 'stream',
  'everywhere.each': 'stream',
  'everywhere.stream': 'stream',
  all: 'read',
  put: 'write',
  placement: 'read',
  'directory.sweep': 'upkeep',
  'idempotency.sweep': 'upkeep',
  'relocations.sweep': 'upkeep',
};

type Work<T> = (deadline: Deadline) => Promise<T>;
type Rows<T> = (deadline: Deadline) => AsyncGenerator<T, void, undefined>;

/** What was cut off says so within microseconds, unless it has to undo something. */
const goodbyeMs = 500;

/**
 * The beginning and the end of every public call: admits calls until closing begins, gives each its
 * deadline, knows which are under way, and tells what became of each.
 */
export class CallGate {
  readonly timeoutMs: number;
  readonly #running = new Map<Deadline, CallKind>();
  readonly #optionNames: ReadonlySet<string>;
  /** Undefined while nobody wants to hear of calls: then nothing of them is measured. */
  readonly #observe: Observer | undefined;
  readonly #trace: Observer['trace'];
  readonly #memoryReadsOf: (operation: CallOperation, table: string) => MemoryReads;
  #isClosing = false;
  #onIdle: (() => void) | undefined;

  /** @param optionNames what a call's options may be named. */
  constructor(timeoutMs: number, optionNames: ReadonlySet<string>, observe: Observer) {
    this.timeoutMs = timeoutMs;
    this.#optionNames = optionNames;
    this.#observe = isWanted(observe, 'call') ? observe : undefined;
    this.#trace = observe.trace;
    this.#memoryReadsOf = (operation, table) => memoryReadsOf(observe, memoryHit(operation, table));
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Without a timeout of its own the call has {@link timeoutMs}. */
  async run<T>(
    operation: CallOperation,
    table: string | undefined,
    options: CallOptions | undefined,
    work: Work<T>,
  ): Promise<T> {
    const call = this.#observed(operation, table);
    let deadline: Deadline | undefined;
    try {
      const timeoutMs = options?.timeoutMs ?? this.timeoutMs;
      deadline = this.#open(operation, { ...options, timeoutMs }, call);
      const begun = deadline;
      return await (call === undefined ? work(begun) : call.begin(() => work(begun)));
    } catch (error) {
      call?.fail(error);
      throw error;
    } finally {
      this.#end(deadline, call);
    }
  }

  /** A call that hands out rows, from the first that is asked for to the last. Without a timeout it has no end. */
  async *stream<T>(
    operation: CallOperation,
    table: string,
    options: CallOptions,
    rows: Rows<T>,
  ): AsyncGenerator<T, void, undefined> {
    const call = this.#observed(operation, table);
    let deadline: Deadline | undefined;
    try {
      deadline = this.#open(operation, options, call);
      const begun = deadline;
      yield* call === undefined ? rows(begun) : call.begin(() => rows(begun));
    } catch (error) {
      call?.fail(error);
      throw error;
    } finally {
      this.#end(deadline, call);
    }
  }

  /** Counts reads that memory answers, which are over before they become calls. */
  memoryReads(operation: CallOperation, table: string): MemoryReads {
    return this.#memoryReadsOf(operation, table);
  }

  /** Calls under way, by what they are for. */
  running(): Record<CallKind, number> {
    const running = { read: 0, write: 0, transaction: 0, stream: 0, upkeep: 0 };
    for (const kind of this.#running.values()) running[kind]++;
    return running;
  }

  /** Admits nothing more, waits for what is under way, and cuts off what takes longer than `timeoutMs`. */
  async drain(timeoutMs: number): Promise<Drained> {
    this.#isClosing = true;
    const before = this.#running.size;
    await this.#idle(timeoutMs);
    const cutByKind = { read: 0, write: 0, transaction: 0, stream: 0, upkeep: 0 };
    const cut = this.#running.size;
    for (const [deadline, kind] of [...this.#running]) {
      cutByKind[kind]++;
      deadline.cancel(
        new AbortedError('The data layer was closed before the call ended.', {
          cause: new ClosedError(`close() waited for ${timeoutMs} ms.`),
        }),
      );
      // It ends when its reader asks for the next row, if ever.
      if (kind === 'stream') this.#running.delete(deadline);
    }
    await this.#idle(goodbyeMs);
    return { drained: before - cut, cut, cutByKind };
  }

  #observed(operation: CallOperation, table: string | undefined): ObservedCall | undefined {
    const trace = this.#trace?.({ operation, table });
    if (this.#observe === undefined && trace === undefined && !isChannelHeard()) return undefined;
    return new ObservedCall(operation, table, this.#observe, trace);
  }

  #open(operation: CallOperation, options: CallOptions, call: ObservedCall | undefined): Deadline {
    checkCallOptions(options, this.#optionNames);
    const { timeoutMs = Number.POSITIVE_INFINITY, signal, priority } = options;
    if (this.#isClosing) throw new ClosedError('The data layer is closed.');
    const deadline = new Deadline(timeoutMs, signal, priority, call?.meter);
    this.#running.set(deadline, kinds[operation]);
    return deadline;
  }

  #end(deadline: Deadline | undefined, call: ObservedCall | undefined): void {
    if (deadline !== undefined) {
      deadline.end();
      if (this.#running.delete(deadline) && this.#running.size === 0) this.#onIdle?.();
    }
    call?.end();
  }

  async #idle(timeoutMs: number): Promise<void> {
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
