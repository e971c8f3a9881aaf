import { findMysql, findRedis, missingBinary } from './binaries.ts';
import type { ClusterPlan, StartedServers } from './cluster-plan.ts';
import { dataDirectoryTemplate } from './data-directory.ts';
import { PortReservations } from './free-port.ts';
import { inParallel } from './in-parallel.ts';
import { newAccounts } from './mysql-accounts.ts';
import { type MysqlHome, type MysqlIdentity, startMysqlProcess } from './mysql-process.ts';
import type { ProcessHost } from './process-runner.ts';
import { startRedisProcess } from './redis-process.ts';
import type { LocalServer, LocalShard } from './server.ts';
import { Supervisor } from './supervisor.ts';

/** A starting server keeps a core busy; more at once only make each of them later. */
const startsAtOnce = 4;

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
  const binary = await findMysql();
  if (!binary) throw missingBinary('mysql');
  plan.progress(`Preparing data with ${binary.version}`);
  const home: MysqlHome = {
    ...host,
    binary,
    template: await dataDirectoryTemplate(binary, host.supervisor),
    accounts: newAccounts(plan.database),
  };
  const start = (identity: MysqlIdentity) =>
    timed(plan, identity.name, () => startMysqlProcess(home, identity));
  const width = 1 + plan.replicas;
  const primaries = await inParallel(startsAtOnce, plan.shards, async (name, index) => {
    const identity = { name, serverId: 1 + index * width, domainId: 1 + index };
    return { identity, primary: await start(identity) };
  });
  const followers = primaries.flatMap(({ identity, primary }) =>
    Array.from({ length: plan.replicas }, (_, replica) => ({
      name: `${identity.name}-replica-${1 + replica}`,
      serverId: identity.serverId + 1 + replica,
      domainId: identity.domainId,
      follows: primary,
    })),
  );
  const replicas = await inParallel(startsAtOnce, followers, start);
  return primaries.map(({ identity: { name }, primary }, index) => ({
    name,
    primary,
    replicas: replicas.slice(index * plan.replicas, (1 + index) * plan.replicas),
  }));
}

async function startRedis(plan: ClusterPlan, host: ProcessHost): Promise<LocalServer> {
  const file = await findRedis();
  if (file === undefined) throw missingBinary('redis');
  return timed(plan, 'redis', () => startRedisProcess(file, host));
}

async function timed<S extends LocalServer>(
  { progress }: ClusterPlan,
  name: string,
  start: () => Promise<S>,
): Promise<S> {
  progress(`Starting ${name}`);
  const begun = performance.now();
  const server = await start();
  progress(`${name} answers on port ${server.port} (${Math.round(performance.now() - begun)} ms)`);
  return server;
}
