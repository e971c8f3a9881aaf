import type { Executable } from '../mysql/server-location.ts';
import { told } from '../mysql/shard-servers.ts';
import { inParallel } from '../runners/in-parallel.ts';
import { loopback, type ProcessHost } from '../runners/process-runner.ts';
import { untilSeen } from '../runners/settling.ts';
import { ClusterFailovers } from './cluster-failovers.ts';
import { nodesSeenBy, slotCount } from './cluster-nodes.ts';
import { askRedisAll } from './redis-dialog.ts';
import type { RedisFailovers } from './redis-kinds.ts';
import type { RedisPlan } from './redis-plan.ts';
import { replicationSettings, startRedisProcess } from './redis-process.ts';
import type { RedisServerHandle } from './redis-server.ts';

const masterCount = 3;

/** They start in milliseconds, and then mostly wait for each other. */
const startsAtOnce = 6;

/** A failure is noticed after the timeout; groups stay as they were made. */
const clusterSettings = [
  ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'],
  ...['--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no'],
  ...['--cluster-announce-ip', loopback, '--cluster-allow-replica-migration', 'no'],
];

/** A master and its replicas, in the order in which they were started. */
type Group = readonly [RedisServerHandle, ...RedisServerHandle[]];

export interface StartedCluster {
  readonly data: readonly RedisServerHandle[];
  readonly failovers: RedisFailovers;
}

/** Starts the nodes, makes them one cluster, and resolves when all agree that it is complete. */
export async function startCluster(
  executable: Executable,
  plan: RedisPlan,
  host: ProcessHost,
): Promise<StartedCluster> {
  const start = (name: string) =>
    told(plan, name, () =>
      startRedisProcess(executable, host, {
        name,
        extraPorts: 1,
        settings: ([bus]) => [
          ...replicationSettings,
          ...clusterSettings,
          '--cluster-port',
          `${bus}`,
        ],
      }),
    );
  const names = Array.from({ length: masterCount }, (_, index) => `redis-${1 + index}`);
  const masters = await inParallel(startsAtOnce, names, start);
  const replicaNames = names.flatMap((name) =>
    Array.from({ length: plan.replicas }, (_, index) => `${name}-replica-${1 + index}`),
  );
  const replicas = await inParallel(startsAtOnce, replicaNames, start);
  const groups = masters.map((master, index): Group => {
    const first = index * plan.replicas;
    return [master, ...replicas.slice(first, first + plan.replicas)];
  });
  const data = [...masters, ...replicas];
  await meet(data, masters);
  await untilSeen(host, 'The acquaintance of the nodes', () => allMet(data));
  await replicate(groups);
  const failovers = new ClusterFailovers(host, data, groups);
  await untilSeen(host, 'The agreement of the nodes', () => failovers.isComplete());
  return { data, failovers };
}

async function meet(
  data: readonly RedisServerHandle[],
  masters: readonly RedisServerHandle[],
): Promise<void> {
  const nodes = await Promise.all(
    data.map(async (server) => {
      const [self] = await nodesSeenBy(server);
      return { server, bus: `${self?.busPort}` };
    }),
  );
  await Promise.all(
    nodes.map(({ server }, index) => {
      // Later epochs are made by elections; first ones that differ save the nodes a dispute.
      const commands = [['CLUSTER', 'SET-CONFIG-EPOCH', `${1 + index}`]];
      const range = slotsOf(masters.indexOf(server));
      if (range) commands.push(['CLUSTER', 'ADDSLOTSRANGE', ...range]);
      return askRedisAll(server, commands);
    }),
  );
  // Once all have their epochs: a node that has met another one takes none.
  await Promise.all(
    nodes.slice(0, -1).map(({ server }, index) => {
      const later = nodes.slice(1 + index);
      const commands = later.map(({ server: other, bus }) => [
        ...['CLUSTER', 'MEET', loopback, `${other.port}`, bus],
      ]);
      return askRedisAll(server, commands);
    }),
  );
}

function slotsOf(index: number): readonly [string, string] | undefined {
  if (index === -1) return undefined;
  const bound = (number: number) => Math.floor((number * slotCount) / masterCount);
  return [`${bound(index)}`, `${bound(1 + index) - 1}`];
}

async function allMet(data: readonly RedisServerHandle[]): Promise<true | undefined> {
  const views = await Promise.all(data.map(nodesSeenBy));
  const met = views.every(
    (nodes) =>
      nodes.length === data.length &&
      nodes.every(({ flags, linked }) => linked && !flags.includes('handshake')),
  );
  return met || undefined;
}

async function replicate(groups: readonly Group[]): Promise<void> {
  await Promise.all(
    groups.map(async ([master, ...replicas]) => {
      const view = await nodesSeenBy(master);
      const id = view.find(({ port }) => port === master.port)?.id ?? '';
      await Promise.all(
        replicas.map((replica) => askRedisAll(replica, [['CLUSTER', 'REPLICATE', id]])),
      );
    }),
  );
}
