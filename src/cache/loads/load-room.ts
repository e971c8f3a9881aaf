import { Bulkhead, type BulkheadConfig } from '../../resilience/admission/bulkhead.ts';
import type { Deadline } from '../../resilience/time/deadline.ts';

/** Milliseconds without the end of any load, while others wait, after which some are let in. */
const standstillMs = 200;

/**
 * The room in which the loads of one cache run. Whether their source is well, its own guard judges; this
 * one only counts.
 *
 * Loaders may load from the same cache: then all that run may wait for some that have no room. While
 * nothing ends, the newest that wait are let in beyond the limit, the last of a chain before the others;
 * twice as many each time, and never more than the limit again.
 */
export class LoadRoom {
  readonly #bulkhead: Bulkhead;
  readonly #concurrency: number;
  #timer: NodeJS.Timeout | undefined;
  #ended = 0;
  #seenEnded = 0;
  /** Loads that run beyond the limit. */
  #extra = 0;
  #relief = 1;

  constructor(config: BulkheadConfig) {
    this.#concurrency = config.concurrency;
    this.#bulkhead = new Bulkhead('cache loads', config);
  }

  /** @throws {OverloadError} when too many wait, or this one would wait for too long. */
  async run<T>(load: () => Promise<T>, deadline: Deadline): Promise<T> {
    if (deadline.reason !== undefined) throw deadline.reason;
    const turn = this.#bulkhead.enter(deadline.priority, deadline);
    if (turn !== undefined) {
      this.#watch();
      await turn;
    }
    const startedAtMs = performance.now();
    let serviceMs: number | undefined;
    try {
      if (deadline.reason !== undefined) throw deadline.reason;
      if (turn !== undefined) this.#bulkhead.checkTime(deadline);
      const loaded = await load();
      serviceMs = performance.now() - startedAtMs;
      return loaded;
    } finally {
      this.#ended++;
      this.#bulkhead.leave(serviceMs);
      if (this.#extra > 0) this.#passOn();
    }
  }

  /** One beyond the limit that ends soon after a standstill was of use: the next may come in its place. */
  #passOn(): void {
    this.#extra--;
    if (this.#relief > 1 && this.#bulkhead.relieve()) this.#extra++;
  }

  #watch(): void {
    if (this.#timer !== undefined) return;
    this.#seenEnded = this.#ended;
    this.#relief = 1;
    this.#timer = setInterval(() => this.#look(), standstillMs);
    this.#timer.unref();
  }

  #look(): void {
    if (this.#bulkhead.queued === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (this.#ended !== this.#seenEnded) {
      this.#seenEnded = this.#ended;
      this.#relief = 1;
      return;
    }
    const most = Math.min(this.#relief, this.#concurrency - this.#extra);
    for (let one = 0; one < most && this.#bulkhead.relieve(); one++) this.#extra++;
    this.#relief *= 2;
  }
}
