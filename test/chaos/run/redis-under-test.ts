import type { RedisGiven } from '../worker/plan.ts';
import type { Fault } from './fault.ts';

/** A kind of Redis that the caches are tried on. */
export interface RedisUnderTest {
  /** Opens the ways by which workers reach it. */
  open(workers: readonly string[]): Promise<Reach>;
  /** Empties it, so that one run finds nothing of another. */
  clear(): Promise<void>;
}

/** What workers are given of a Redis, and how that can break. */
export interface Reach {
  readonly seats: readonly Seat[];
  /** First the one that the stamps of a server's runs are for. */
  readonly faults: readonly Fault[];
  close(): Promise<void>;
}

/** A place for one worker process after the other. */
export interface Seat {
  readonly worker: string;
  readonly redis: RedisGiven;
}
