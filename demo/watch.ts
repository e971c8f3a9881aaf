import type { MeridianEvent } from 'meridian';

/** How many rows each tier of the cache gave; `miss` went on to a shard. */
export type Tiers = Record<Extract<MeridianEvent, { type: 'cache' }>['result'], number>;

export interface BreakerChange {
  readonly atMs: number;
  readonly guard: string;
  readonly state: string;
}

export function noTiers(): Tiers {
  return { memory: 0, redis: 0, miss: 0, stale: 0, bypass: 0 };
}

/** Listens to the data layer's events and counts: what a metrics exporter does. */
export class Watch {
  /** Counted into; replaced when another part of the story begins. */
  tiers = noTiers();
  readonly breakers: BreakerChange[] = [];
  statements = 0;
  lookups = 0;

  readonly observer = (event: MeridianEvent): void => {
    if (event.type === 'cache') {
      this.tiers[event.result] += event.keys;
    } else if (event.type === 'read-batch') {
      this.statements++;
      this.lookups += event.keys;
    } else if (event.type === 'breaker') {
      this.breakers.push({ atMs: performance.now(), guard: event.guard, state: event.state });
    }
  };
}
