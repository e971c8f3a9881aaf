import type { CachePlan } from './cache-plans.ts';

/** How a worker reaches Redis: commands by one way, what it listens to by the other. */
export interface RedisLanes {
  readonly commands: string;
  readonly listening: string;
}

/** What a worker is told by its one argument, as JSON. */
export interface WorkerPlan {
  /** Names the process in the history. */
  readonly name: string;
  readonly seed: number;
  readonly source: string;
  readonly redis: RedisLanes;
  readonly caches: readonly CachePlan[];
  /** The file that its history is appended to. */
  readonly historyFile: string;
  /** Readers and writers that run side by side in the process. */
  readonly clients: number;
  /** Milliseconds that a client rests between two operations, at most. */
  readonly restMs: number;
}
