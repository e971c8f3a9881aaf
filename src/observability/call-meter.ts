import type { CallQueue, QueuedMs } from './call-event.ts';
import type { Trace } from './trace.ts';

interface Waits {
  now: number;
  since: number;
  totalMs: number;
}

/**
 * What one call costs on its way, or a load or statement that several calls share: those that take part
 * in it are charged with it from the time at which they join.
 */
export class CallMeter {
  readonly #waits: Readonly<Record<CallQueue, Waits>> = {
    guard: { now: 0, since: 0, totalMs: 0 },
    pool: { now: 0, since: 0, totalMs: 0 },
    load: { now: 0, since: 0, totalMs: 0 },
  };
  readonly #shards = new Set<string>();
  readonly #shared: 'batch' | 'load' | undefined;
  #trace: Trace | undefined;
  #attempts = 0;
  #retries = 0;
  #sharers: Set<CallMeter> | undefined;

  /** @param shared what it is, where several calls share it. */
  constructor(shared?: 'batch' | 'load', trace?: Trace) {
    this.#shared = shared;
    this.#trace = trace;
  }

  /**
   * Where steps are told; undefined while nobody follows. What several calls share is a step of the first of
   * them that is followed, and the others are linked to it.
   */
  get trace(): Trace | undefined {
    if (this.#trace !== undefined || this.#shared === undefined) return this.#trace;
    for (const { trace } of this.#sharers ?? []) {
      if (trace === undefined) continue;
      if (this.#trace === undefined) this.#trace = trace.step(this.#shared, {});
      else trace.link(this.#trace);
    }
    return this.#trace;
  }

  /** What several calls share is over. */
  end(failed: boolean): void {
    this.#trace?.end({ failed });
  }

  /** How often an endpoint was tried. */
  get attempts(): number {
    return this.#attempts;
  }

  /** How many of the attempts, or of whole transactions, were not the first. */
  get retries(): number {
    return this.#retries;
  }

  /** The shards that were asked, the first one first. */
  get shards(): readonly string[] {
    return [...this.#shards];
  }

  queuedMs(): QueuedMs {
    const now = performance.now();
    const of = ({ now: waiting, since, totalMs }: Waits) =>
      waiting > 0 ? totalMs + now - since : totalMs;
    const { guard, pool, load } = this.#waits;
    return { guard: of(guard), pool: of(pool), load: of(load) };
  }

  attempted(shard: string): void {
    this.#attempts++;
    this.#shards.add(shard);
    for (const sharer of this.#sharers ?? []) sharer.attempted(shard);
  }

  retried(): void {
    this.#retries++;
    for (const sharer of this.#sharers ?? []) sharer.retried();
  }

  /** A part of the call waits, until what is returned is ended. */
  wait(queue: CallQueue): CallWait {
    return new CallWait(this, queue);
  }

  enter(queue: CallQueue): void {
    const waits = this.#waits[queue];
    if (waits.now++ === 0) waits.since = performance.now();
    for (const sharer of this.#sharers ?? []) sharer.enter(queue);
  }

  leave(queue: CallQueue): void {
    const waits = this.#waits[queue];
    if (--waits.now === 0) waits.totalMs += performance.now() - waits.since;
    for (const sharer of this.#sharers ?? []) sharer.leave(queue);
  }

  /** One more call takes part: it is charged with what was tried, and with the time from now on. */
  share(caller: CallMeter): void {
    this.#sharers ??= new Set();
    if (this.#sharers.has(caller)) return;
    this.#sharers.add(caller);
    if (this.#trace !== undefined) caller.trace?.link(this.#trace);
    caller.#attempts += this.#attempts;
    caller.#retries += this.#retries;
    for (const shard of this.#shards) caller.#shards.add(shard);
    for (const queue of ['guard', 'pool', 'load'] as const) {
      for (let waits = this.#waits[queue].now; waits > 0; waits--) caller.enter(queue);
    }
  }
}

/** A wait that is worth a step of its own. */
const leastWaitMs = 1;

/** One wait in one queue after the other. */
export class CallWait {
  readonly #meter: CallMeter;
  #queue: CallQueue | undefined;
  #since = performance.now();

  constructor(meter: CallMeter, queue: CallQueue) {
    this.#meter = meter;
    this.#queue = queue;
    meter.enter(queue);
  }

  goTo(queue: CallQueue): void {
    this.end();
    this.#queue = queue;
    this.#since = performance.now();
    this.#meter.enter(queue);
  }

  /** The turn has come, or will not come. */
  end(): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    this.#queue = undefined;
    this.#meter.leave(queue);
    if (performance.now() - this.#since < leastWaitMs) return;
    this.#meter.trace?.step('queue', { queue }, this.#since).end({ failed: false });
  }
}
