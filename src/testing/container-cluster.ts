import { randomBytes } from 'node:crypto';
import type { ClusterPlan, StartedServers } from './cluster-plan.ts';
import { firstStatements, initFile, mysqlUrls, newAccounts } from './mysql/mysql-accounts.ts';
import { roleArguments } from './mysql/mysql-arguments.ts';
import { roleOf, startShardServers, told } from './mysql/shard-servers.ts';
import { redisPersistence } from './redis/redis-process.ts';
import { RedisServerHandle } from './redis/redis-server.ts';
import { connectEngine, ensureImage, flavorOf } from './runners/container-engine.ts';
import { type ContainerHost, ContainerRunner, clusterLabel } from './runners/container-runner.ts';
import { PortReservations } from './runners/free-port.ts';
import { answersMysql, answersRedis } from './runners/readiness.ts';
import type { LocalShard, RedisServer } from './runners/server.ts';
import { MysqlServerHandle } from './runners/server-handle.ts';
import { Supervisor } from './runners/supervisor.ts';

const mysqlPort = 3306;
const redisPort = 6379;

/**
 * Starts the servers in containers. Like processes, they are in the care of a supervisor, which
 * removes them when this process is gone; testcontainers' own reaper is not needed for them.
 */
export async function startContainerCluster(plan: ClusterPlan): Promise<StartedServers> {
  const engine = await connectEngine();
  const ports = new PortReservations();
  const cluster = `meridian-${randomBytes(6).toString('hex')}`;
  const supervisor = await Supervisor.start();
  const { startTimeoutMs } = plan;
  const host: ContainerHost = { engine, supervisor, ports, cluster, startTimeoutMs };
  const end = async () => {
    await supervisor.end();
    ports.releaseAll();
  };
  const starting: Promise<unknown>[] = [];
  try {
    await supervisor.removeAtEnd(engine.address, clusterLabel, cluster);
    await engine.client.network.create({ Name: cluster, Labels: { [clusterLabel]: cluster } });
    const shards = startShards(plan, host);
    const redis = plan.redis ? startRedis(plan, host) : undefined;
    starting.push(shards, Promise.resolve(redis));
    return { shards: await shards, redis: await redis, end };
  } catch (error) {
    await Promise.allSettled(starting);
    await end();
    throw error;
  }
}

async function startShards(plan: ClusterPlan, host: ContainerHost): Promise<LocalShard[]> {
  if (plan.shards.length === 0) return [];
  const { engine } = host;
  const image = plan.mysqlImage;
  plan.progress(`Preparing the image ${image}`);
  await ensureImage(engine, image);
  const flavor = await flavorOf(engine, image);
  const accounts = newAccounts(plan.database);
  const aliases = new Map<MysqlServerHandle, string>();
  return startShardServers(
    plan,
    async (identity) => {
      const alias = `mysql-${identity.serverId}`;
      const runner = await ContainerRunner.onFreePort(
        {
          name: identity.name,
          alias,
          image,
          args: [...roleArguments(flavor, roleOf(identity)), ...plan.mysqlArguments],
          environment: {
            MYSQL_RANDOM_ROOT_PASSWORD: 'yes',
            MYSQL_INITDB_SKIP_TZINFO: 'yes',
          },
          port: mysqlPort,
          probe: answersMysql,
          file: {
            path: 'docker-entrypoint-initdb.d/meridian.sql',
            text: initFile(firstStatements(flavor, accounts, identity.follows)),
          },
        },
        host,
      );
      const server = new MysqlServerHandle(
        {
          ...{ name: identity.name, host: engine.host, port: runner.port },
          ...mysqlUrls(accounts, engine.host, runner.port),
        },
        runner,
      );
      aliases.set(server, alias);
      return server;
    },
    (primary) => ({ host: aliases.get(primary) ?? engine.host, port: mysqlPort }),
  );
}

async function startRedis(plan: ClusterPlan, host: ContainerHost): Promise<RedisServer> {
  const image = plan.redisImage;
  await ensureImage(host.engine, image);
  return told(plan, 'redis', async () => {
    const name = 'redis';
    const runner = await ContainerRunner.onFreePort(
      {
        name,
        alias: name,
        image,
        args: [...redisPersistence, '--protected-mode', 'no', '--bind', '0.0.0.0'],
        environment: {},
        port: redisPort,
        probe: answersRedis,
      },
      host,
    );
    return new RedisServerHandle({ name, host: host.engine.host, port: runner.port }, runner);
  });
}
