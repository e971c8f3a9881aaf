import { setTimeout as pause } from 'node:timers/promises';
import type { Data } from './tables.ts';
import type { Cluster, ShardName } from './topology.ts';
import type { Traffic } from './traffic.ts';

const warmingMs = 2_000;
const partMs = 4_000;

/** When things happened, by `performance.now()`. */
export interface Outage {
  readonly pid: number | undefined;
  readonly killedMs: number;
  readonly restartedMs: number;
  /** The server answered again. */
  readonly answeredMs: number;
  /** The first read from the database itself, past every cache. */
  readonly firstReadMs: number;
}

/** Kills a shard's server in the middle of the traffic, and brings it back with its files. */
export async function killAndRestart(
  { shards }: Cluster,
  victim: ShardName,
  traffic: Traffic,
  firstRead: () => ReturnType<Data['users']['get']>,
): Promise<Outage> {
  const { primary } = shards[victim];
  const { pid } = primary;
  await pause(warmingMs);
  traffic.enter('before');
  await pause(partMs);
  traffic.enter('dying');
  const killedMs = performance.now();
  await primary.kill();
  traffic.enter('dead');
  await pause(partMs);
  traffic.enter('back');
  const restartedMs = performance.now();
  await primary.restart();
  const answeredMs = performance.now();
  const firstReadMs = await untilAnswered(firstRead);
  await pause(partMs - (performance.now() - restartedMs));
  return { pid, killedMs, restartedMs, answeredMs, firstReadMs };
}

async function untilAnswered(read: () => Promise<unknown>): Promise<number> {
  const giveUpMs = performance.now() + 10_000;
  for (;;) {
    try {
      await read();
      return performance.now();
    } catch (error) {
      if (performance.now() > giveUpMs) throw error;
      await pause(5);
    }
  }
}
