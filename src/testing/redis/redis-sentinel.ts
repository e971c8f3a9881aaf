import type { Executable } from '../mysql/server-location.ts';
import { told } from '../mysql/shard-servers.ts';
import { inParallel } from '../runners/in-parallel.ts';
import { loopback, type ProcessHost } from '../runners/process-runner.ts';
import type { Probe } from '../runners/readiness.ts';
import { untilSeen } from '../runners/settling.ts';
import { TestingError } from '../testing-error.ts';
import { askRedis } from './redis-dialog.ts';
import type { RedisFailovers } from './redis-kinds.ts';
import type { RedisPlan } from './redis-plan.ts';
import { type RedisProgram, replicationSettings, startRedisProcess } from './redis-process.ts';
import { listOf, type RedisServerHandle } from './redis-server.ts';
import { SentinelFailovers, sentinelMaster, viewOf } from './sentinel-failovers.ts';

const sentinelCount = 3;

/**
 * The clocks of a Sentinel in milliseconds. By default a former master is made a replica only after
 * ten seconds, and a Sentinel that was frozen for a moment keeps out for thirty.
 */
const quickClocks = {
  'info-period': 200,
  'ping-period': 200,
  'ask-period': 200,
  // A promotion is seen within a second; four of these later one that was not seen is undone.
  'publish-period': 500,
  'tilt-period': 1_000,
  'election-timeout': 1_000,
  'min-link-reconnect-period': 500,
};

/** Clocks are not kept through a restart, so each start ends with setting them. */
const answersSentinel: Probe = async (host, port) => {
  const clocks = Object.entries(quickClocks).flatMap(([clock, ms]) => [clock, `${ms}`]);
  try {
    await askRedis({ host, port }, 'SENTINEL', 'DEBUG', ...clocks);
    return true;
  } catch (error) {
    // The start times out when this goes on, and then shows the server's log.
    if (error instanceof TestingError) return false;
    throw error;
  }
};

export interface StartedSentinels {
  readonly data: readonly RedisServerHandle[];
  readonly sentinels: readonly RedisServerHandle[];
  readonly failovers: RedisFailovers;
}

/** Starts a master, its replicas and three Sentinels, and resolves when these know all of them. */
export async function startSentinels(
  executable: Executable,
  plan: RedisPlan,
  host: ProcessHost,
): Promise<StartedSentinels> {
  const start = (program: RedisProgram) =>
    told(plan, program.name, () => startRedisProcess(executable, host, program));
  const master = await start(dataServer(1, ''));
  const others = [
    ...numbersFrom(2, plan.replicas).map((number) =>
      dataServer(number, `replicaof ${loopback} ${master.port}\n`),
    ),
    ...numbersFrom(1, sentinelCount).map((number) => sentinel(number, master.port)),
  ];
  const started = await inParallel(others.length, others, start);
  const replicas = started.slice(0, plan.replicas);
  const sentinels = started.slice(plan.replicas);
  const data = [master, ...replicas];
  await introduce(sentinels, master);
  const failovers = new SentinelFailovers(host, data, sentinels);
  await untilSeen(host, 'The agreement of the Sentinels', async () =>
    (await allKnown(sentinels, plan.replicas)) ? failovers.agreedMaster() : undefined,
  );
  return { data, sentinels, failovers };
}

function dataServer(number: number, config: string): RedisProgram {
  return { name: `redis-${number}`, config, settings: () => replicationSettings };
}

function sentinel(number: number, masterPort: number): RedisProgram {
  const config = [
    `sentinel monitor ${sentinelMaster} ${loopback} ${masterPort} 2`,
    `sentinel down-after-milliseconds ${sentinelMaster} 500`,
    `sentinel failover-timeout ${sentinelMaster} 2000`,
    `sentinel parallel-syncs ${sentinelMaster} 2`,
    `sentinel announce-ip ${loopback}`,
    '',
  ].join('\n');
  return { name: `sentinel-${number}`, kind: 'sentinel', config, probe: answersSentinel };
}

/** Sentinels find each other by greetings through the master; handing them on saves seconds. */
async function introduce(
  sentinels: readonly RedisServerHandle[],
  master: RedisServerHandle,
): Promise<void> {
  await Promise.all(
    sentinels.map(async (sentinel) => {
      const id = await askRedis(sentinel, 'SENTINEL', 'MYID');
      const self = [loopback, sentinel.port, id, 0];
      const greeting = [...self, sentinelMaster, loopback, master.port, 0].join(',');
      const others = sentinels.filter((other) => other !== sentinel);
      await Promise.all(
        others.map((other) => askRedis(other, 'PUBLISH', '__sentinel__:hello', greeting)),
      );
    }),
  );
}

async function allKnown(
  sentinels: readonly RedisServerHandle[],
  replicas: number,
): Promise<boolean> {
  const known = await Promise.all(
    sentinels.map(async (sentinel) => {
      const view = await viewOf(sentinel);
      const found = listOf(await askRedis(sentinel, 'SENTINEL', 'REPLICAS', sentinelMaster));
      return (
        view.otherSentinels === sentinelCount - 1 &&
        found.filter((replica) => listOf(replica).includes('ok')).length === replicas
      );
    }),
  );
  return !known.includes(false);
}

function numbersFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
