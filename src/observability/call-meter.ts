/** Where a call may have to wait for its turn: the guard of an endpoint, its connections, the room for cache loads. */
export type CallQueue = 'guard' | 'pool' | 'load';

/** Milliseconds of a call's time during which some part of it waited in each queue. */
export type QueuedMs = Readonly<Record<CallQueue, number>>;

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
  #attempts = 0;
  #retries = 0;
  #sharers: Set<CallMeter> | undefined;

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
    caller.#attempts += this.#attempts;
    caller.#retries += this.#retries;
    for (const shard of this.#shards) caller.#shards.add(shard);
    for (const queue of ['guard', 'pool', 'load'] as const) {
      for (let waits = this.#waits[queue].now; waits > 0; waits--) caller.enter(queue);
    }
  }
}

/** One wait in one queue after the other. */
export class CallWait {
  readonly #meter: CallMeter;
  #queue: CallQueue | undefined;

  constructor(meter: CallMeter, queue: CallQueue) {
    this.#meter = meter;
    this.#queue = queue;
    meter.enter(queue);
  }

  goTo(queue: CallQueue): void {
    this.end();
    this.#queue = queue;
    this.#meter.enter(queue);
  }

  /** The turn has come, or will not come. */
  end(): void {
    if (this.#queue !== undefined) this.#meter.leave(this.#queue);
    this.#queue = undefined;
  }
}
