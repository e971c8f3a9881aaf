import type { MeridianEvent, Observer } from '../observability/events.ts';

/**
 * What the caches did, counted in keys where not said otherwise.
 *
 * @see {@link cacheStats}
 */
export interface CacheReport {
  /** By table, or by namespace. */
  readonly tables: Readonly<Record<string, TableReport>>;
  /** Times that memory was not believed any more because invalidations may have been missed. */
  readonly gaps: number;
  /** Keys that Redis has yet to be told of. */
  readonly pendingInvalidations: number;
  /** Commands and entries that failed. */
  readonly faults: number;
}

export interface TableReport {
  readonly memory: number;
  readonly redis: number;
  readonly miss: number;
  readonly stale: number;
  readonly bypass: number;
  /** The part of the reads answered from memory, 0 to 1; 0 before the first read. */
  readonly memoryRatio: number;
  /** The part of the reads that memory did not answer and Redis did, 0 to 1. */
  readonly redisRatio: number;
  readonly loads: Durations & { readonly failed: number };
  /** Waits for the load of another process. */
  readonly waits: Durations;
  readonly shadow: ShadowReport;
}

export interface Durations {
  readonly count: number;
  readonly totalMs: number;
  readonly longestMs: number;
}

export interface ShadowReport {
  readonly compared: number;
  readonly stale: number;
  /** The part of the compared values that were not stale, 0 to 1; 1 before the first. */
  readonly consistency: number;
  /** Stale values by age: how many were at most `upToMs` old, and older than the line before. */
  readonly staleness: readonly { readonly upToMs: number; readonly count: number }[];
}

/**
 * Counts what caches do.
 *
 * @see {@link cacheStats}
 */
export interface CacheStats {
  /** An observer to give to `createCache` or `createDataLayer`. */
  readonly observe: Observer;
  report(): CacheReport;
}

const agesMs = [10, 100, 1_000, 10_000, 60_000, 600_000, Number.POSITIVE_INFINITY];

/**
 * Adds up the events of caches.
 *
 * @example
 * const stats = cacheStats();
 * await createDataLayer({ ...options, observers: [stats.observe] });
 * const { gaps, faults } = stats.report();
 */
export function cacheStats(): CacheStats {
  const tables = new Map<string, TableCount>();
  let gaps = 0;
  let faults = 0;
  const queued = new Map<string, number>();

  function countOf(table: string): TableCount {
    let count = tables.get(table);
    if (count === undefined) {
      count = new TableCount();
      tables.set(table, count);
    }
    return count;
  }

  return {
    observe(event: MeridianEvent) {
      switch (event.type) {
        case 'cache':
          countOf(event.table).reads[event.result] += event.keys;
          break;
        case 'cache-load':
          countOf(event.table).loads.add(event.durationMs);
          if (event.outcome === 'failed') countOf(event.table).failed++;
          break;
        case 'cache-wait':
          countOf(event.table).waits.add(event.durationMs);
          break;
        case 'cache-shadow':
          countOf(event.table).compare(event.outcome, event.ageMs);
          break;
        case 'cache-gap':
          gaps++;
          break;
        case 'cache-fault':
          faults++;
          break;
        case 'cache-invalidation':
          queued.set(event.queue, event.queued);
          break;
      }
    },
    report: () => ({
      tables: Object.fromEntries([...tables].map(([name, count]) => [name, count.report()])),
      gaps,
      faults,
      pendingInvalidations: [...queued.values()].reduce((sum, keys) => sum + keys, 0),
    }),
  };
}

class TableCount {
  readonly reads = { memory: 0, redis: 0, miss: 0, stale: 0, bypass: 0 };
  readonly loads = new DurationCount();
  readonly waits = new DurationCount();
  failed = 0;
  readonly #staleByAge = agesMs.map(() => 0);
  #compared = 0;
  #stale = 0;

  compare(outcome: 'same' | 'stale' | 'failed', ageMs: number): void {
    if (outcome === 'failed') return;
    this.#compared++;
    if (outcome === 'same') return;
    this.#stale++;
    const index = agesMs.findIndex((upToMs) => ageMs <= upToMs);
    this.#staleByAge[index] = (this.#staleByAge[index] ?? 0) + 1;
  }

  report(): TableReport {
    const { memory, redis, miss } = this.reads;
    const compared = this.#compared;
    return {
      ...this.reads,
      memoryRatio: memory / Math.max(1, memory + redis + miss),
      redisRatio: redis / Math.max(1, redis + miss),
      loads: { ...this.loads.report(), failed: this.failed },
      waits: this.waits.report(),
      shadow: {
        compared,
        stale: this.#stale,
        consistency: compared === 0 ? 1 : 1 - this.#stale / compared,
        staleness: agesMs.map((upToMs, index) => ({ upToMs, count: this.#staleByAge[index] ?? 0 })),
      },
    };
  }
}

class DurationCount {
  #count = 0;
  #totalMs = 0;
  #longestMs = 0;

  add(durationMs: number): void {
    this.#count++;
    this.#totalMs += durationMs;
    this.#longestMs = Math.max(this.#longestMs, durationMs);
  }

  report(): Durations {
    return { count: this.#count, totalMs: this.#totalMs, longestMs: this.#longestMs };
  }
}
