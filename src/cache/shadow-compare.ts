import { isDeepStrictEqual } from 'node:util';
import type { Observer } from '../observability/events.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import type { LoadMany } from './loads/leased-loads.ts';
import { SingleFlight } from './loads/single-flight.ts';
import type { MemoryEntry } from './memory/memory-store.ts';

export interface ShadowConfig {
  readonly name: string;
  /** The part of the reads that are compared, 0 to 1. */
  readonly rate: number;
  /** Milliseconds within which an invalidation must have arrived. */
  readonly maxGapMs: number;
}

const timeoutMs = 10_000;

/**
 * Compares values that were served with their source. One that differs is stale if nobody said so
 * within the time in which everybody must have heard.
 */
export class ShadowCompare<V> {
  readonly #config: ShadowConfig;
  readonly #observe: Observer;
  readonly #running = new Map<string, SingleFlight>();
  /** Reads of the sample that are yet to be compared. */
  #owed = 0;

  constructor(config: ShadowConfig, observe: Observer) {
    this.#config = config;
    this.#observe = observe;
  }

  /** Whether this read is one of the sample. Who says so must not answer it from memory alone. */
  isDue(): boolean {
    const isDue = this.#config.rate > 0 && Math.random() < this.#config.rate;
    if (isDue) this.#owed++;
    return isDue;
  }

  /** Whether what was just served is to be compared. */
  isSampled(): boolean {
    if (this.#owed === 0) return this.#config.rate > 0 && Math.random() < this.#config.rate;
    this.#owed--;
    return true;
  }

  /** Compares what was served aside, one at a time for a key. */
  compare(key: string, { value, loadedAtMs }: MemoryEntry<V>, load: LoadMany<V>): void {
    if (!this.#running.has(key)) this.#compare(key, value, loadedAtMs, load);
  }

  /** The key was invalidated: a difference proves nothing any more. */
  fence(key: string): void {
    this.#running.get(key)?.fence(key);
  }

  #compare(key: string, served: V | null, loadedAtMs: number, load: LoadMany<V>): void {
    const flight = new SingleFlight();
    this.#running.set(key, flight);
    const ageMs = performance.now() - loadedAtMs;
    this.#judge(key, served, flight, load)
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        this.#observe({ type: 'cache-fault', operation: 'shadow', message });
        return 'failed' as const;
      })
      .then((outcome) => {
        this.#running.delete(key);
        this.#observe({ type: 'cache-shadow', table: this.#config.name, outcome, ageMs });
      });
  }

  async #judge(
    key: string,
    served: V | null,
    flight: SingleFlight,
    load: LoadMany<V>,
  ): Promise<'same' | 'stale'> {
    const patience = new Deadline(timeoutMs);
    try {
      const call = { deadline: patience, keepOut: () => {}, mayLag: () => false };
      const [value] = await patience.race(load([key], call));
      if (isDeepStrictEqual(value ?? null, served)) return 'same';
      await patience.pause(this.#config.maxGapMs);
      return flight.isFenced(key) ? 'same' : 'stale';
    } finally {
      patience.end();
    }
  }
}
