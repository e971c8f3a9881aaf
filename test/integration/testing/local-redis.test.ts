import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import {
  type ClusterRedis,
  type LocalRedis,
  type RedisServer,
  type SentinelRedis,
  startLocalRedis,
  TestingError,
} from 'meridian/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { isAlive } from '../../support/processes.ts';
import {
  type IoredisMajor,
  ioredisMajors,
  openIoredis,
} from '../../support/redis/redis-clients.ts';

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function clientOf(major: IoredisMajor, redis: LocalRedis) {
  const client = openIoredis(major, redis);
  cleanups.push(() => client.disconnect());
  return client;
}

/** Asks one server itself, past any routing. */
async function ask<T>({ url }: RedisServer, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { retryStrategy: () => null });
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

async function rolesOf({ servers }: LocalRedis): Promise<Record<string, string>> {
  const roles = servers.map(async (server) => [server.name, await server.role()]);
  return Object.fromEntries(await Promise.all(roles));
}

/** What a client of a user sees once it has found the master again. */
async function writesAndReads(client: ReturnType<typeof clientOf>, value: string): Promise<void> {
  await eventually(() => client.set('key', value), { timeout: 15_000 });
  expect(await client.get('key')).toBe(value);
}

describe.each(ioredisMajors)('ioredis %i and one server', (major) => {
  it('are served, through a kill and a restart too', async () => {
    const redis = await startLocalRedis({ kind: 'standalone' });
    cleanups.push(() => redis.stop());
    expect(await rolesOf(redis)).toEqual({ redis: 'master' });
    const client = clientOf(major, redis);
    await writesAndReads(client, 'before');
    const [server] = redis.servers;
    await server?.kill();
    await server?.restart();
    expect(await client.get('key')).toBe('before');
  });
});

describe.each(['sentinel', 'cluster'] as const)('kind %s', (kind) => {
  let redis: SentinelRedis | ClusterRedis;
  const progress: string[] = [];

  beforeAll(async () => {
    const onProgress = (message: string) => progress.push(message);
    redis = await (kind === 'sentinel'
      ? startLocalRedis({ kind, onProgress })
      : startLocalRedis({ kind, replicas: 1, onProgress }));
  });

  afterAll(() => redis.stop());

  it('has the servers that were asked for, each on ports of its own', async () => {
    const sentinels = {
      'sentinel-1': 'sentinel',
      'sentinel-2': 'sentinel',
      'sentinel-3': 'sentinel',
    };
    const expected =
      kind === 'sentinel'
        ? { 'redis-1': 'master', 'redis-2': 'replica', ...sentinels }
        : {
            ...{ 'redis-1': 'master', 'redis-2': 'master', 'redis-3': 'master' },
            'redis-1-replica-1': 'replica',
            'redis-2-replica-1': 'replica',
            'redis-3-replica-1': 'replica',
          };
    expect(await rolesOf(redis)).toEqual(expected);
    expect(new Set(redis.servers.map(({ port }) => port)).size).toBe(redis.servers.length);
    for (const server of redis.servers) {
      expect(server).toMatchObject({ host: '127.0.0.1', state: 'running' });
      expect(server.kind).toBe(server.name.startsWith('sentinel') ? 'sentinel' : 'redis');
      expect(progress).toContainEqual(
        expect.stringMatching(new RegExp(`^${server.name} answers on port ${server.port} `)),
      );
    }
  });

  /** The master, once a replica has all that it has: one that never had it is not promoted. */
  async function followed() {
    const master = await redis.master('key');
    const heard = await ask(master, async (direct) => {
      await direct.set('key', 'before');
      return direct.wait(1, 20_000);
    });
    expect(heard).toBeGreaterThanOrEqual(1);
    return master;
  }

  it.each(ioredisMajors)('a client of ioredis %i follows the master', async (major) => {
    const client = clientOf(major, redis);
    await writesAndReads(client, 'before');
    const old = await followed();
    const promoted = await redis.failover('key');
    expect(promoted).not.toBe(old);
    expect(await redis.master('key')).toBe(promoted);
    expect([await old.role(), await promoted.role()]).toEqual(['replica', 'master']);
    expect(await ask(promoted, (direct) => direct.get('key'))).toBe('before');
    await writesAndReads(client, 'after');
    expect(await ask(promoted, (direct) => direct.get('key'))).toBe('after');
  });

  it.each(ioredisMajors)('a killed master is replaced; ioredis %i goes on', async (major) => {
    const client = clientOf(major, redis);
    await writesAndReads(client, 'before');
    const old = await followed();
    await old.kill();
    await expect(redis.failover('key')).rejects.toThrow(`Master '${old.name}' is killed`);
    const promoted = await redis.replacementOf(old);
    expect(await promoted.role()).toBe('master');
    await writesAndReads(client, 'after');
    await old.restart();
    await redis.replacementOf(old);
    expect(await old.role()).toBe('replica');
    await writesAndReads(client, 'at last');
  });

  it('a frozen master is replaced, and follows once it thaws', async () => {
    const old = await followed();
    await old.pause();
    await expect(old.role()).rejects.toBeInstanceOf(TestingError);
    const promoted = await redis.replacementOf(old);
    expect(promoted).not.toBe(old);
    await old.resume();
    expect(await redis.replacementOf(old)).toBe(promoted);
    expect(await old.role()).toBe('replica');
  });

  it('a master without a running replica is not failed over', async () => {
    const master = await redis.master();
    const replicas: RedisServer[] = [];
    for (const server of redis.servers) {
      if ((await server.role()) === 'replica') replicas.push(server);
    }
    await Promise.all(replicas.map((replica) => replica.pause()));
    cleanups.push(() => Promise.all(replicas.map((replica) => replica.resume())));
    await expect(redis.failover()).rejects.toThrow(`No replica of '${master.name}' runs`);
    expect(await master.role()).toBe('master');
  });
});

it('Sentinels that were restarted are quick again', async () => {
  const redis = await startLocalRedis({ kind: 'sentinel', replicas: 2 });
  cleanups.push(() => redis.stop());
  const sentinels = redis.servers.filter(({ kind }) => kind === 'sentinel');
  for (const sentinel of sentinels) await sentinel.restart();
  for (const sentinel of sentinels) {
    const clocks = await ask(sentinel, (client) => client.call('SENTINEL', 'DEBUG'));
    expect(clocks).toEqual(expect.arrayContaining(['INFO-PERIOD', '200']));
  }
  const old = await redis.master();
  await old.kill();
  expect(await redis.replacementOf(old)).not.toBe(old);
  for (const sentinel of sentinels) await sentinel.kill();
  await expect(redis.master()).rejects.toThrow('No Sentinel runs');
});

it('a cluster has no replicas unless they are asked for, and serves what slots it has', async () => {
  const redis = await startLocalRedis({ kind: 'cluster' });
  cleanups.push(() => redis.stop());
  expect(redis.servers.map(({ name }) => name)).toEqual(['redis-1', 'redis-2', 'redis-3']);
  const owners = await Promise.all(['a', 'b', 'c'].map((key) => redis.master(key)));
  // CRC16 modulo 16,384: 15,495, 3,300 and 7,365.
  expect(owners.map(({ name }) => name)).toEqual(['redis-3', 'redis-1', 'redis-2']);
  expect(await redis.master()).toBe(owners[1]);
  expect(await redis.master('{b}:any')).toBe(owners[1]);
  await expect(redis.failover('a')).rejects.toThrow("has no replica. Start with 'replicas: 1'");
  await owners[0]?.kill();
  const client = clientOf(6, redis);
  expect(await client.set('b', 'served')).toBe('OK');
});

describe('nothing is left', () => {
  const program = `
    const { startLocalRedis } = await import(process.argv[1]);
    const { servers } = await startLocalRedis({ kind: process.argv[2] });
    console.log(JSON.stringify(servers.map(({ url, pid }) => ({ url, pid }))));
    setInterval(() => {}, 1000);
  `;

  interface Seen {
    readonly url: string;
    readonly pid?: number;
  }

  async function folderOf(url = ''): Promise<string> {
    const client = new Redis(url);
    const reply: unknown = await client.config('GET', 'dir');
    client.disconnect();
    return Array.isArray(reply) ? String(reply[1]) : '';
  }

  async function untilGone(servers: readonly Seen[], folder: string): Promise<void> {
    expect(servers.map(({ pid }) => typeof pid)).toEqual(servers.map(() => 'number'));
    await eventually(
      () => {
        for (const { pid } of servers) expect(isAlive(pid ?? 0)).toBe(false);
        expect(existsSync(folder)).toBe(false);
      },
      { timeout: 10_000 },
    );
  }

  it.each(['sentinel', 'cluster'] as const)(
    'of kind %s when the test process is killed with SIGKILL',
    async (kind) => {
      const entry = new URL('../../../src/testing/index.ts', import.meta.url).href;
      const child = spawn(
        process.execPath,
        ['--import', 'tsx', '--input-type=module', '-e', program, entry, kind],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      cleanups.push(() => child.kill('SIGKILL'));
      const [line] = await once(createInterface(child.stdout), 'line');
      const seen: Seen[] = JSON.parse(line);
      const folder = await folderOf(seen[0]?.url);
      expect(existsSync(folder)).toBe(true);
      child.kill('SIGKILL');
      await untilGone(seen, folder);
    },
  );

  it.each(['sentinel', 'cluster'] as const)('of kind %s when it is stopped', async (kind) => {
    const redis = await startLocalRedis({ kind });
    const seen = redis.servers.map(({ url, pid }) => ({ url, ...(pid !== undefined && { pid }) }));
    const folder = await folderOf(seen[0]?.url);
    // A frozen server cannot shut itself down.
    await redis.servers[0]?.pause();
    const waiting = expect(
      'replacementOf' in redis && redis.servers[1] && redis.replacementOf(redis.servers[1]),
    ).rejects.toThrow(/was stopped/);
    await Promise.all([redis.stop(), redis.stop()]);
    await waiting;
    await untilGone(seen, folder);
    expect(new Set(redis.servers.map(({ state }) => state))).toEqual(new Set(['stopped']));
    await expect(redis.servers[0]?.restart()).rejects.toThrow(/was stopped/);
  });

  it.each(['sentinel', 'cluster'] as const)('of kind %s when it does not start', async (kind) => {
    await expect(startLocalRedis({ kind, startTimeoutMs: 1 })).rejects.toMatchObject({
      code: 'MERIDIAN_TESTING',
      message: expect.stringMatching(/did not (answer|happen) within 1 ms/),
    });
  });
});

describe('options', () => {
  it.each([
    [{}, "'kind' must be 'standalone', 'sentinel' or 'cluster'"],
    [{ kind: 'ring' }, "'kind' must be 'standalone', 'sentinel' or 'cluster'"],
    [{ kind: 'sentinel', replicas: 0 }, "'replicas' of kind 'sentinel' must be one of 1, 2"],
    [{ kind: 'cluster', replicas: 3 }, "'replicas' of kind 'cluster' must be one of 0, 1, 2"],
    [{ kind: 'cluster', startTimeoutMs: 0 }, "'startTimeoutMs' must be a number"],
    [{ kind: 'sentinel', provider: 'container' }, "kind 'sentinel' runs as processes only"],
    [{ kind: 'cluster', provider: 'container' }, "kind 'cluster' runs as processes only"],
  ])('%j is refused', async (options, message) => {
    await expect(Reflect.apply(startLocalRedis, undefined, [options])).rejects.toThrow(message);
  });
});
