import type { Fault } from './fault.ts';
import type { Lanes } from './lanes.ts';

/** A kind of Redis that the caches are tried on. */
export interface RedisUnderTest {
  /** Opens the two ways by which one worker reaches it. */
  openLanes(worker: string): Promise<Lanes>;
  /** How its servers can fail, first the way that the stamps of its runs are for. */
  readonly faults: readonly Fault[];
  /** Empties it, so that one run finds nothing of another. */
  clear(): Promise<void>;
}
