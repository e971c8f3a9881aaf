import type { LocalShard, RedisServer } from './server.ts';
import type { ServerLocation } from './server-location.ts';
import { TestingError } from './testing-error.ts';

/** How the servers of a cluster are run. */
export type ClusterProvider = 'process' | 'container';

/** What to start: the options of a cluster with their defaults, checked. */
export interface ClusterPlan {
  readonly shards: readonly string[];
  readonly replicas: number;
  readonly redis: boolean;
  readonly mysqlAt: ServerLocation | undefined;
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

/** @throws TestingError that names the option at fault. */
export function checkPlan(plan: ClusterPlan): void {
  const { shards, replicas, database, startTimeoutMs } = plan;
  const refuse = (option: string, rule: string) => {
    throw new TestingError(`startLocalCluster: '${option}' must be ${rule}.`, {
      context: { option },
    });
  };
  if (shards.some((name) => typeof name !== 'string' || name === '' || name === '__proto__')) {
    refuse('shards', 'a list of names that are not empty');
  }
  if (new Set(shards).size !== shards.length) refuse('shards', 'a list without repeats');
  if (!Number.isInteger(replicas) || replicas < 0) refuse('replicas', 'an integer from 0');
  if (!/^\w{1,64}$/.test(database)) refuse('database', 'letters, digits and underscores');
  if (!isLocation(plan.mysqlAt)) refuse('mysql', locationRule);
  if (!isLocation(plan.redisAt)) refuse('redis', `true, false or ${locationRule}`);
  if (!(startTimeoutMs > 0)) refuse('startTimeoutMs', 'a number of milliseconds above 0');
}

const locationRule = '{ file } with the path of a program, or { root } with that of a folder';

function isLocation(given: ServerLocation | undefined): boolean {
  if (given === undefined) return true;
  const paths = [given.file, given.root].filter((path) => path !== undefined);
  return paths.length === 1 && typeof paths[0] === 'string' && paths[0] !== '';
}
