import type { ProcessHost } from '../runners/process-runner.ts';
import type { RedisServer } from '../runners/server.ts';
import { untilSeen } from '../runners/settling.ts';
import { TestingError } from '../testing-error.ts';
import { checkFailover } from './failover-check.ts';
import { askRedis } from './redis-dialog.ts';
import type { RedisFailovers } from './redis-kinds.ts';
import { listOf, type RedisServerHandle, standingOf } from './redis-server.ts';

/** The name under which the Sentinels know the master. */
export const sentinelMaster = 'meridian';

/** What one Sentinel says of the master. */
interface SentinelView {
  readonly port: number;
  readonly epoch: number;
  readonly failingOver: boolean;
  readonly otherSentinels: number;
}

export async function viewOf(sentinel: RedisServer): Promise<SentinelView> {
  const reply = listOf(await askRedis(sentinel, 'SENTINEL', 'MASTER', sentinelMaster));
  const field = (name: string) => reply[reply.indexOf(name) + 1];
  return {
    port: Number(field('port')),
    epoch: Number(field('config-epoch')),
    failingOver: String(field('flags')).includes('failover_in_progress'),
    otherSentinels: Number(field('num-other-sentinels')),
  };
}

/** Masters that Sentinels replace. */
export class SentinelFailovers implements RedisFailovers {
  readonly #host: ProcessHost;
  readonly #data: readonly RedisServerHandle[];
  readonly #sentinels: readonly RedisServerHandle[];

  constructor(
    host: ProcessHost,
    data: readonly RedisServerHandle[],
    sentinels: readonly RedisServerHandle[],
  ) {
    this.#host = host;
    this.#data = data;
    this.#sentinels = sentinels;
  }

  async master(): Promise<RedisServer> {
    const views = await this.#views();
    const newest = views.reduce((best, view) => (view.epoch > best.epoch ? view : best));
    const master = this.#data.find(({ port }) => port === newest.port);
    if (master) return master;
    throw new TestingError(`The Sentinels name a master that is not ours: port ${newest.port}.`);
  }

  async failover(): Promise<RedisServer> {
    const old = await this.master();
    checkFailover(old, this.#data);
    return untilSeen(this.#host, `A failover from '${old.name}'`, async () => {
      const master = await this.agreedMaster();
      if (master !== old) return master;
      // All agree on the old one when they were not asked yet, and again when they gave up.
      await this.#askForFailover();
      return undefined;
    });
  }

  replacementOf(old: RedisServer): Promise<RedisServer> {
    return untilSeen(this.#host, `The replacement of '${old.name}'`, async () => {
      const master = await this.agreedMaster();
      return master === old ? undefined : master;
    });
  }

  /** The master, when all Sentinels and servers that run agree on it. */
  async agreedMaster(): Promise<RedisServer | undefined> {
    const views = await this.#views();
    const master = await this.master();
    if (views.some(({ port, failingOver }) => failingOver || port !== master.port)) return;
    const running = this.#data.filter(({ state }) => state === 'running');
    const inPlace = await Promise.all(
      running.map(async (server) => {
        const { role, follows } = await standingOf(server);
        if (server === master) return role === 'master';
        return follows?.port === master.port && follows.connected;
      }),
    );
    return inPlace.includes(false) ? undefined : master;
  }

  async #askForFailover(): Promise<void> {
    const sentinel = this.#sentinels.find(({ state }) => state === 'running');
    if (!sentinel) throw noneRuns();
    await askRedis(sentinel, 'SENTINEL', 'FAILOVER', sentinelMaster);
  }

  async #views(): Promise<SentinelView[]> {
    const running = this.#sentinels.filter(({ state }) => state === 'running');
    if (running.length === 0) throw noneRuns();
    return Promise.all(running.map(viewOf));
  }
}

function noneRuns(): TestingError {
  return new TestingError('No Sentinel runs that could be asked. Call restart() on one first.');
}
