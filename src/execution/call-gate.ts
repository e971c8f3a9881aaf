import { checkCallOptions } from '../config/call-options.ts';
import { AbortedError, ClosedError } from '../errors/call-error.ts';
import { isChannelHeard } from '../observability/call-channel.ts';
import type { CallOperation } from '../observability/call-event.ts';
import { isWanted, type Observer } from '../observability/events.ts';
import { type MemoryReads, memoryReadsOf } from '../observability/memory-reads.ts';
import type { Priority } from '../resilience/admission/priority.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import { Call } from './call.ts';
import { memoryHit, ObservedCall } from './observed-call.ts';

/**
 * Who may end a call, when it ends at the latest, and how much it matters.
 *
 * @example
 * await data.users.get(id, { timeoutMs: 200, signal, priority: 'critical' });
 */
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
  reload: 'upkeep',
  'directory.sweep': 'upkeep',
  'idempotency.sweep': 'upkeep',
  'relocations.sweep': 'upkeep',
};

type Work<T> = (call: Call) => Promise<T>;
type Rows<T> = (call: Call) => AsyncGenerator<T, void, undefined>;

/** What was cut off says so within microseconds, unless it has to undo something. */
const goodbyeMs = 500;

/**
 * The beginning and the end of every public call: admits calls until closing begins, gives each its
 * deadline and its snapshot, knows which are under way, and tells what became of each.
 */
export class CallGate {
  readonly timeoutMs: number;
  readonly #topology: TopologyStore;
  readonly #running = new Map<Call, CallKind>();
  readonly #optionNames: ReadonlySet<string>;
  /** Undefined while nobody wants to hear of calls: then nothing of them is measured. */
  readonly #observe: Observer | undefined;
  readonly #trace: Observer['trace'];
  readonly #memoryReadsOf: (operation: CallOperation, table: string) => MemoryReads;
  #isClosing = false;
  #onIdle: (() => void) | undefined;

  /** @param optionNames what a call's options may be named. */
  constructor(
    topology: TopologyStore,
    timeoutMs: number,
    optionNames: ReadonlySet<string>,
    observe: Observer,
  ) {
    this.#topology = topology;
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
    const observed = this.#observed(operation, table);
    let call: Call | undefined;
    try {
      const timeoutMs = options?.timeoutMs ?? this.timeoutMs;
      call = this.#open(operation, { ...options, timeoutMs }, observed);
      const begun = call;
      return await (observed === undefined ? work(begun) : observed.begin(() => work(begun)));
    } catch (error) {
      observed?.fail(error);
      throw error;
    } finally {
      this.#end(call, observed);
    }
  }

  /** A call that hands out rows, from the first that is asked for to the last. Without a timeout it has no end. */
  async *stream<T>(
    operation: CallOperation,
    table: string,
    options: CallOptions,
    rows: Rows<T>,
  ): AsyncGenerator<T, void, undefined> {
    const observed = this.#observed(operation, table);
    let call: Call | undefined;
    try {
      call = this.#open(operation, options, observed);
      const begun = call;
      let isAsked = true;
      // While its reader has a row, and may never ask for the next one, nobody else hears that it is over.
      begun.onCancel((reason) => {
        if (isAsked) return;
        observed?.fail(reason);
        this.#end(begun, observed);
      });
      const all = observed === undefined ? rows(begun) : observed.begin(() => rows(begun));
      for await (const row of all) {
        isAsked = false;
        yield row;
        isAsked = true;
      }
    } catch (error) {
      observed?.fail(error);
      throw error;
    } finally {
      this.#end(call, observed);
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
    for (const [call, kind] of [...this.#running]) {
      cutByKind[kind]++;
      call.cancel(
        new AbortedError('The data layer was closed before the call ended.', {
          cause: new ClosedError(`close() waited for ${timeoutMs} ms.`),
        }),
      );
    }
    await this.#idle(goodbyeMs);
    return { drained: before - cut, cut, cutByKind };
  }

  #observed(operation: CallOperation, table: string | undefined): ObservedCall | undefined {
    const trace = this.#trace?.({ operation, table });
    if (this.#observe === undefined && trace === undefined && !isChannelHeard()) return undefined;
    return new ObservedCall(operation, table, this.#observe, trace);
  }

  #open(operation: CallOperation, options: CallOptions, observed: ObservedCall | undefined): Call {
    checkCallOptions(options, this.#optionNames);
    const { timeoutMs = Number.POSITIVE_INFINITY, signal, priority } = options;
    if (this.#isClosing) throw new ClosedError('The data layer is closed.');
    const call = new Call(this.#topology.current, timeoutMs, signal, priority, observed?.meter);
    this.#running.set(call, kinds[operation]);
    return call;
  }

  #end(call: Call | undefined, observed: ObservedCall | undefined): void {
    if (call !== undefined) {
      call.end();
      if (this.#running.delete(call) && this.#running.size === 0) this.#onIdle?.();
    }
    observed?.end();
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
