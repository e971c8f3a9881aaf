import type { ClusterPlan, StartedServers } from './cluster-plan.ts';
import { dataDirectoryTemplate } from './mysql/data-directory.ts';
import { newAccounts } from './mysql/mysql-accounts.ts';
import { type MysqlHome, startMysqlProcess } from './mysql/mysql-process.ts';
import { startShardServers, told } from './mysql/shard-servers.ts';
import { startRedisProcess } from './redis/redis-process.ts';
import { findMysql, findRedis, missingBinary } from './runners/binaries.ts';
import { PortReservations } from './runners/free-port.ts';
import type { ProcessHost } from './runners/process-runner.ts';
import type { LocalShard, RedisServer } from './runners/server.ts';
import { Supervisor } from './runners/supervisor.ts';

/** Starts the servers as processes of this machine, under a supervisor that outlives us briefly. */
export async function startProcessCluster(plan: ClusterPlan): Promise<StartedServers> {
  const { startTimeoutMs } = plan;
  const ports = new PortReservations();
  const supervisor = await Supervisor.start();
  const host: ProcessHost = { supervisor, ports, startTimeoutMs };
  const end = async () => {
    await supervisor.end();
    ports.releaseAll();
  };
  const starting = [
    startShards(plan, host),
    plan.redis ? startRedis(plan, host) : undefined,
  ] as const;
  try {
    const [shards, redis] = await Promise.all(starting);
    return { shards, redis, end };
  } catch (error) {
    // The other half may still be copying files into the folder that the end deletes.
    await Promise.allSettled(starting);
    await end();
    throw error;
  }
}

async function startShards(plan: ClusterPlan, host: ProcessHost): Promise<LocalShard[]> {
  if (plan.shards.length === 0) return [];
  const binary = await findMysql(plan.mysqlAt);
  if (!binary) throw missingBinary('mysql');
  plan.progress(`Preparing data with ${binary.version}`);
  const home: MysqlHome = {
    ...host,
    binary,
    template: await dataDirectoryTemplate(binary, host.supervisor),
    accounts: newAccounts(plan.database),
    arguments: plan.mysqlArguments,
  };
  return startShardServers(
    plan,
    (identity) => startMysqlProcess(home, identity),
    (primary) => primary,
  );
}

async function startRedis(plan: ClusterPlan, host: ProcessHost): Promise<RedisServer> {
  const program = await findRedis(plan.redisAt);
  if (program === undefined) throw missingBinary('redis');
  return told(plan, 'redis', () => startRedisProcess(program, host, { name: 'redis' }));
}
