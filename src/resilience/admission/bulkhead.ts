import { OverloadError } from '../../errors/call-error.ts';
import { withoutStack } from '../retry/refusal.ts';
import type { Deadline } from '../time/deadline.ts';
import { CallQueue, type Waiter } from './call-queue.ts';
import type { Priority } from './priority.ts';

export interface BulkheadConfig {
  /** Calls that run at once, at most. */
  readonly concurrency: number;
  /** Calls that may wait. */
  readonly queue: number;
}

/** Share of the queue that only critical calls may use, and the share that sheddable ones may. */
const reservedShare = 0.1;
const sheddableShare = 0.5;
const smoothing = 0.1;
/** A call may take several times as long as the mean of them. */
const slowCalls = 3;
/** Calls after which the mean service time is worth something. */
const enoughCalls = 20;

/**
 * Lets a number of calls run at once and a bounded number wait. A waiting call leaves when its
 * deadline passes and frees its place; one that would hardly end before its deadline is refused at
 * once (Little's law: calls ahead × mean service time ÷ calls at once).
 */
export class Bulkhead {
  readonly #name: string;
  readonly #config: BulkheadConfig;
  readonly #queue = new CallQueue();
  #limit: number;
  #running = 0;
  #meanMs = 0;
  #measured = 0;

  constructor(name: string, config: BulkheadConfig) {
    this.#name = name;
    this.#config = config;
    this.#limit = config.concurrency;
  }

  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Calls that run at once just now; never over `concurrency`. */
  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.#serve();
  }

  /**
   * Takes a place, which `leave` gives back. Nothing is returned when there is one at once, else what
   * resolves when the call's turn has come.
   *
   * @throws {OverloadError}
   */
  enter(priority: Priority, deadline: Deadline): Promise<void> | undefined {
    if (this.#running < this.#limit && this.#queue.length === 0) {
      this.#running++;
      return undefined;
    }
    this.#refuseLate(priority, deadline);
    this.#makeRoom(priority);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        priority,
        go() {
          stopListening();
          resolve();
        },
        refuse(reason) {
          stopListening();
          reject(reason);
        },
      };
      this.#queue.add(waiter);
      const stopListening = deadline.onCancel((reason) => {
        this.#queue.remove(waiter);
        reject(reason);
      });
      // With places free and others waiting, one of those goes first.
      this.#serve();
    });
  }

  /** Takes a place beyond the limit where there is none: its call waits for nobody. */
  enterAtOnce(): void {
    this.#running++;
  }

  /** @param serviceMs how long the call took; undefined where that says nothing about others. */
  leave(serviceMs: number | undefined): void {
    if (serviceMs !== undefined) this.#measure(serviceMs);
    this.#running--;
    if (this.#queue.length > 0) this.#serve();
  }

  /** Lets the newest that waits run beyond the limit. Returns false when nobody waits. */
  relieve(): boolean {
    const newest = this.#queue.pop();
    if (newest === undefined) return false;
    this.#running++;
    newest.go();
    return true;
  }

  /** Refuses everybody who waits. */
  flush(reason: () => Error): void {
    for (let waiter = this.#queue.shift(); waiter !== undefined; waiter = this.#queue.shift()) {
      waiter.refuse(reason());
    }
  }

  /** One call that takes for ever must not make everybody look late: it counts as a few. */
  #measure(serviceMs: number): void {
    this.#measured++;
    if (this.#meanMs === 0) this.#meanMs = serviceMs;
    else this.#meanMs += smoothing * (Math.min(serviceMs, 8 * this.#meanMs + 1) - this.#meanMs);
  }

  #serve(): void {
    while (this.#running < this.#limit) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#running++;
      next.go();
    }
  }

  #refuseLate(priority: Priority, deadline: Deadline): void {
    const ahead = this.#queue.ahead(priority);
    // With less than one round ahead its turn may come at any moment.
    if (ahead < this.#limit || this.#measured < enoughCalls) return;
    const waitMs = ((ahead + 1) * this.#meanMs) / this.#limit;
    if (waitMs + slowCalls * this.#meanMs > deadline.remainingMs) throw this.#late(waitMs);
  }

  /**
   * Refuses a call whose turn has come too late: begun, it would be cut off half-way, which costs the
   * endpoint what a whole one does.
   *
   * @throws {OverloadError}
   */
  checkTime(deadline: Deadline): void {
    if (this.#measured < enoughCalls) return;
    if (slowCalls * this.#meanMs > deadline.remainingMs) throw this.#late(0);
  }

  /** Whether a call that was cut off after so long had not had the time that calls take. */
  isBrief(ranMs: number): boolean {
    return this.#measured >= enoughCalls && ranMs < slowCalls * this.#meanMs;
  }

  #makeRoom(priority: Priority): void {
    if (this.#queue.length < this.#roomFor(priority)) return;
    const shed = priority === 'sheddable' ? undefined : this.#queue.shed();
    if (shed === undefined) throw this.#full();
    shed.refuse(this.#full());
  }

  #roomFor(priority: Priority): number {
    const { queue } = this.#config;
    if (priority === 'critical') return queue;
    const share = priority === 'default' ? 1 - reservedShare : sheddableShare;
    return Math.ceil(queue * share);
  }

  #late(waitMs: number): OverloadError {
    return withoutStack(
      () =>
        new OverloadError(
          `'${this.#name}' is busy: with a wait of about ${Math.round(waitMs)} ms and a call of about ` +
            `${Math.round(this.#meanMs)} ms this one would hardly end in time. Slow down, or give it more time.`,
          { context: { guard: this.#name, waitMs: Math.round(waitMs) } },
        ),
    );
  }

  #full(): OverloadError {
    const { concurrency, queue } = this.#config;
    return withoutStack(
      () =>
        new OverloadError(
          `'${this.#name}' is busy: ${this.#running} calls run and ${this.#queue.length} wait. ` +
            'Slow down, or raise its limits.',
          { context: { guard: this.#name, concurrency, queue } },
        ),
    );
  }
}
