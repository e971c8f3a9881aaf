import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as live } from 'node:timers/promises';
import type { LocalServer } from 'meridian/testing';
import { ask } from './ask-redis.ts';
import type { Fault } from './fault.ts';
import { Lanes, networkFaults } from './lanes.ts';
import type { RedisUnderTest } from './redis-under-test.ts';

/** A Redis that stands alone and keeps what it acknowledged. */
export function oneRedis(server: LocalServer): RedisUnderTest {
  return {
    async open(workers) {
      const lanes = await Promise.all(workers.map((worker) => Lanes.open(worker, server.url)));
      return {
        seats: lanes.map(({ worker, redis }) => ({ worker, redis })),
        faults: [isRestored(server), hangs(server), crashes(server), ...networkFaults(lanes)],
        close: async () => void (await Promise.all(lanes.map((pair) => pair.close()))),
      };
    },
    clear: () => ask(server, (client) => client.flushall()).then(() => undefined),
  };
}

function hangs(server: LocalServer): Fault {
  return {
    name: 'Redis hangs',
    subject: 'redis',
    strike: async () => {
      await server.pause();
      return { what: 'Redis hangs', mend: () => server.resume() };
    },
  };
}

function crashes(server: LocalServer): Fault {
  return {
    name: 'Redis crashes',
    subject: 'redis',
    strike: async () => {
      await server.kill();
      return { what: 'Redis was killed', mend: () => server.restart() };
    },
  };
}

/** It comes back with what it held some time before. */
function isRestored(server: LocalServer): Fault {
  return {
    name: 'Redis restored',
    subject: 'redis',
    strike: async (random) => {
      const folder = await ask(server, async (client) => (await client.config('GET', 'dir'))[1]);
      if (folder === undefined) throw new Error('Redis does not say where its files are');
      const copy = await mkdtemp(join(tmpdir(), 'meridian-redis-'));
      await cp(folder, copy, { recursive: true });
      await live(random.between(300, 1_500));
      await server.kill();
      await rm(folder, { recursive: true });
      await cp(copy, folder, { recursive: true });
      await rm(copy, { recursive: true });
      return { what: 'Redis was killed and its files restored', mend: () => server.restart() };
    },
  };
}
