import type { RedisAddress } from 'meridian/testing';
import type { CachePlan } from './cache-plans.ts';

/** How a worker reaches Redis. */
export type RedisGiven = RedisLanes | RedisSentinels | RedisNodes;

/** One server, by two ways: commands by one, what is listened to by the other. */
export interface RedisLanes {
  readonly kind: 'lanes';
  readonly commands: string;
  readonly listening: string;
}

/** Sentinels that name the master. */
export interface RedisSentinels {
  readonly kind: 'sentinels';
  readonly sentinels: RedisAddress[];
  readonly name: string;
}

/** Nodes of a Redis Cluster. */
export interface RedisNodes {
  readonly kind: 'nodes';
  readonly nodes: RedisAddress[];
}

/** What a worker is told by its one argument, as JSON. */
export interface WorkerPlan {
  /** Names the process in the history. */
  readonly name: string;
  readonly seed: number;
  readonly source: string;
  readonly redis: RedisGiven;
  readonly caches: readonly CachePlan[];
  /** The file that its history is appended to. */
  readonly historyFile: string;
  /** Readers and writers that run side by side in the process. */
  readonly clients: number;
  /** Milliseconds that a client rests between two operations, at most. */
  readonly restMs: number;
}
