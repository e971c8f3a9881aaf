import type { Observer } from '../observability/events.ts';
import { Guard } from '../resilience/guard.ts';

export interface LoadLimits {
  /** Loads that run at once on a shard. */
  readonly concurrency: number;
  /** Loads that may wait for their turn. */
  readonly queue: number;
}

/**
 * Lets a few of the statements that fill caches through to each shard at once: without Redis all reads
 * are loads, and writes need room too.
 */
export class LoadGates {
  readonly #limits: LoadLimits;
  readonly #observe: Observer;
  readonly #gates = new Map<string, Guard>();

  constructor(limits: LoadLimits, observe: Observer) {
    this.#limits = limits;
    this.#observe = observe;
  }

  of(shard: string): Guard {
    let gate = this.#gates.get(shard);
    if (gate === undefined) {
      // Whether the shard is well, the guards of its endpoints judge; this one only counts.
      const limits = { ...this.#limits, failures: Number.POSITIVE_INFINITY, openMs: 1 };
      gate = new Guard(`${shard} cache loads`, limits, this.#observe);
      this.#gates.set(shard, gate);
    }
    return gate;
  }
}
