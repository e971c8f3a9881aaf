import type { ClusterPlan, ClusterProvider } from '../cluster-plan.ts';
import { TestingError } from '../testing-error.ts';
import { findMysql, findRedis, missingBinary } from './binaries.ts';
import { engineIsReachable } from './container-engine.ts';

/**
 * Decides how to run the servers: as told, else as `MERIDIAN_TEST_PROVIDER` says, else as processes
 * where the binaries are, else in containers where an engine answers.
 *
 * @throws TestingError that says what to install when neither is possible.
 */
export async function chooseProvider(
  wanted: string | undefined,
  plan: ClusterPlan,
): Promise<ClusterProvider> {
  const named = plan.mysqlAt ?? plan.redisAt;
  if (named !== undefined && wanted === 'container') {
    throw new TestingError(
      "A server that is named by 'file' or 'root' runs as a process: leave out 'provider', or name an image.",
    );
  }
  if (named !== undefined) return 'process';
  const choice = wanted ?? (process.env.MERIDIAN_TEST_PROVIDER || 'auto');
  if (choice === 'process' || choice === 'container') return choice;
  if (choice !== 'auto') {
    throw new TestingError(
      `The provider of a local cluster is 'process', 'container' or 'auto', not '${choice}'.`,
    );
  }
  const lacksMysql = plan.shards.length > 0 && !(await findMysql());
  const lacksRedis = plan.redis && (await findRedis()) === undefined;
  if (!lacksMysql && !lacksRedis) return 'process';
  if (await engineIsReachable()) return 'container';
  throw missingBinary(lacksMysql ? 'mysql' : 'redis');
}
