import type { ServerLocation } from './mysql/server-location.ts';
import type { LocalShard, RedisServer } from './runners/server.ts';

/**
 * How the servers of a cluster are run.
 *
 * @example
 * const provider: ClusterProvider = process.env.CI ? 'container' : 'process';
 * await startLocalCluster({ shards: ['eu-1'], provider });
 */
export type ClusterProvider = 'process' | 'container';

/** What to start: the options of a cluster with their defaults, checked. */
export interface ClusterPlan {
  readonly shards: readonly string[];
  readonly replicas: number;
  readonly redis: boolean;
  readonly mysqlAt: ServerLocation | undefined;
  readonly mysqlArguments: readonly string[];
  readonly redisAt: ServerLocation | undefined;
  readonly database: string;
  readonly startTimeoutMs: number;
  readonly mysqlImage: string;
  readonly redisImage: string;
  readonly progress: (message: string) => void;
}

/** What a provider started. */
export interface StartedServers {
  readonly shards: readonly LocalShard[];
  readonly redis: RedisServer | undefined;
  /** Ends every server at once and deletes its data. */
  end(): Promise<void>;
}
