import { setTimeout as live } from 'node:timers/promises';
import type { ClusterRedis, RedisServer, SentinelRedis } from 'meridian/testing';
import type { SeededRandom } from '../../support/seeded-random.ts';
import { allKeys } from '../worker/keys.ts';
import type { RedisGiven } from '../worker/plan.ts';
import { ask } from './ask-redis.ts';
import type { Fault } from './fault.ts';
import type { RedisUnderTest } from './redis-under-test.ts';

/** Masters that are replaced by their replicas: by Sentinels, or in a Redis Cluster. */
export function replicatedRedis(redis: SentinelRedis | ClusterRedis): RedisUnderTest {
  const given = givenOf(redis);
  const data = redis.servers.filter(({ kind }) => kind === 'redis');
  const masters = new Masters(redis);
  return {
    open: async (workers) => ({
      seats: workers.map((worker) => ({ worker, redis: given })),
      faults: [
        diesAhead(masters, data),
        handsOver(redis, masters),
        dies(masters),
        freezes(masters),
      ],
      close: async () => {},
    }),
    async clear() {
      for (const server of data) {
        if ((await server.role()) === 'master') await ask(server, (client) => client.flushall());
      }
    },
  };
}

function givenOf(redis: SentinelRedis | ClusterRedis): RedisGiven {
  if (redis.kind === 'cluster') return { kind: 'nodes', nodes: redis.nodes };
  return { kind: 'sentinels', sentinels: redis.sentinels, name: redis.name };
}

/** Finds masters to break, one after the other. */
class Masters {
  readonly #redis: SentinelRedis | ClusterRedis;
  #lastReplaced: RedisServer | undefined;

  constructor(redis: SentinelRedis | ClusterRedis) {
    this.#redis = redis;
  }

  /** A master that has a replica which follows it. */
  async next(random: SeededRandom): Promise<RedisServer> {
    await this.settled();
    return this.#redis.master(random.pick(allKeys));
  }

  /** Resolves once the server that was broken last follows the one in its place. */
  async settled(): Promise<void> {
    if (this.#lastReplaced !== undefined) await this.#redis.replacementOf(this.#lastReplaced);
    this.#lastReplaced = undefined;
  }

  /** Brings a server back the moment it is replaced: it still believes that it is the master. */
  async bringBack(old: RedisServer, back: () => Promise<void>): Promise<void> {
    await this.#redis.replacementOf(old);
    await back();
    // Its return to order is not waited for: what else is broken is mended in the meantime.
    this.#lastReplaced = old;
  }
}

/** What it acknowledged last its replica never heard, and revives what was deleted. */
function diesAhead(masters: Masters, data: readonly RedisServer[]): Fault {
  return {
    name: 'master dies ahead of its replica',
    subject: 'redis',
    strike: async (random) => {
      const master = await masters.next(random);
      const replica = await replicaOf(master, data);
      await ask(replica, async (client) => {
        // A password that its master does not know keeps it from coming back.
        await client.config('SET', 'masterauth', 'none');
        await client.call('CLIENT', 'KILL', 'TYPE', 'master');
        await live(random.between(1_000, 3_000));
        await master.kill();
        await client.config('SET', 'masterauth', '');
      });
      return {
        what: `${master.name} was killed, ahead of ${replica.name}`,
        mend: () => masters.bringBack(master, () => master.restart()),
      };
    },
  };
}

function handsOver(redis: SentinelRedis | ClusterRedis, masters: Masters): Fault {
  return {
    name: 'master hands over',
    subject: 'redis',
    strike: async (random) => {
      await masters.settled();
      const now = await redis.failover(random.pick(allKeys));
      return { what: `${now.name} was made master` };
    },
  };
}

function dies(masters: Masters): Fault {
  return {
    name: 'master dies',
    subject: 'redis',
    strike: async (random) => {
      const master = await masters.next(random);
      await master.kill();
      return {
        what: `${master.name} was killed`,
        mend: () => masters.bringBack(master, () => master.restart()),
      };
    },
  };
}

function freezes(masters: Masters): Fault {
  return {
    name: 'master frozen',
    subject: 'redis',
    strike: async (random) => {
      const master = await masters.next(random);
      await master.pause();
      return {
        what: `${master.name} is frozen`,
        mend: () => masters.bringBack(master, () => master.resume()),
      };
    },
  };
}

async function replicaOf(master: RedisServer, data: readonly RedisServer[]): Promise<RedisServer> {
  for (const server of data) {
    const [role, , port] = await ask(server, (client) => client.role());
    if (role === 'slave' && port === master.port) return server;
  }
  throw new Error(`${master.name} has no replica`);
}
