import { noTiers } from './watch.ts';

/** `dying` is the moment between the signal and the end of the process. */
export type Phase = 'before' | 'dying' | 'dead' | 'back';

export interface Refusal {
  readonly call: 'read' | 'write';
  readonly shard: string;
  readonly code: string;
  readonly ms: number;
}

/** What happened in one part of the story. */
export class Tally {
  readonly begunMs = performance.now();
  endedMs = Number.POSITIVE_INFINITY;
  readonly tiers = noTiers();
  reads = 0;
  /** Acknowledged ones. */
  writes = 0;
  /** Reads of rows of the shard that dies. */
  victimReads = 0;
  /** Milliseconds of reads that left this process: to Redis, or on to a shard. */
  readonly remoteMs: number[] = [];
  readonly writeMs: number[] = [];
  readonly refusals: Refusal[] = [];

  get seconds(): number {
    return (Math.min(this.endedMs, performance.now()) - this.begunMs) / 1_000;
  }
}

export function quantile(values: readonly number[], q: number): number | undefined {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}
