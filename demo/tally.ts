import { noTiers } from './watch.ts';

/**
 * The parts of the story. `warming`: the cache begins empty. `dying`: the moment between the signal
 * and the end of the process. `back`: from the order to restart on.
 */
export type Phase = 'warming' | 'before' | 'dying' | 'dead' | 'back';

export interface Refusal {
  readonly call: 'read' | 'write';
  readonly shard: string;
  readonly code: string;
  readonly ms: number;
}

/** What happened in one part of the story. */
export class Tally {
  readonly #begunMs = performance.now();
  readonly #begunCpu = process.cpuUsage();
  #ended: { readonly ms: number; readonly cpu: NodeJS.CpuUsage } | undefined;
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

  /** Reads that were asked for. */
  get asked(): number {
    return this.reads + this.refusals.filter(({ call }) => call === 'read').length;
  }

  get seconds(): number {
    return ((this.#ended?.ms ?? performance.now()) - this.#begunMs) / 1_000;
  }

  /** Processor cores that this process kept busy. */
  get cores(): number {
    const { user, system } = this.#ended?.cpu ?? process.cpuUsage(this.#begunCpu);
    return (user + system) / 1_000_000 / this.seconds;
  }

  end(): void {
    this.#ended = { ms: performance.now(), cpu: process.cpuUsage(this.#begunCpu) };
  }
}

export function quantile(values: readonly number[], q: number): number | undefined {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}
