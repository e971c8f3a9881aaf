import { Redis } from 'ioredis';
import type { MeridianEvent } from 'meridian';
import { type Cache, type CacheOptions, createCache } from 'meridian/cache';
import { type LocalCluster, startChaosProxy, startLocalCluster } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { valueKey } from '../../../../src/cache/redis/redis-keys.ts';
import { eventually } from '../../../support/eventually.ts';

/** What may be wrong with a Redis that runs: what it holds, what it forgot, whom it lets in. */

let cluster: LocalCluster;
let redis: Redis;
let events: MeridianEvent[];
const caches: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: [], redis: true });
  redis = new Redis(cluster.redis.url);
});

afterAll(async () => {
  redis.disconnect();
  await cluster.stop();
});

beforeEach(async () => {
  events = [];
  await redis.flushall();
});

afterEach(async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()));
});

function make<V>(options: Partial<CacheOptions<V>> = {}): Cache<V> {
  const cache = createCache<V>({
    redis: cluster.redis.url,
    namespace: 'test',
    ttlMs: 60_000,
    memory: false,
    observer: (event) => events.push(event),
    ...options,
  });
  caches.push(cache);
  return cache;
}

async function open<V>(options: Partial<CacheOptions<V>> = {}): Promise<Cache<V>> {
  const cache = make(options);
  expect(await cache.ready()).toBe(true);
  return cache;
}

const name = (key: string) => valueKey('test', key);
const soon = <T>(what: () => T) => eventually(what, { timeout: 10_000, interval: 10 });
const faults = () => events.filter(({ type }) => type === 'cache-fault');
const failed = async (): Promise<never> => {
  throw new Error('the source was asked');
};

/** Bytes that the server has sent since the statistics began. */
async function sent(): Promise<number> {
  const stats = await redis.info('stats');
  return Number(/total_net_output_bytes:(\d+)/.exec(stats)?.[1]);
}

const bigBytes = 100_000_000;

it('a value of 100 MB under a key costs its reader one try, and the others nothing', async () => {
  // So slow a network that the value takes far longer than a command may, on any machine.
  const proxy = await startChaosProxy({ target: cluster.redis.url });
  proxy.bandwidth(10_000_000);
  const cache = await open<string>({
    redis: proxy.urlFor(cluster.redis.url),
    commandTimeoutMs: 1_000,
    version: () => 1,
  });
  await cache.get('small', async () => 'Ada');
  await redis.setrange(name('big'), bigBytes, 'x');
  expect(await cache.get('big', async () => 'loaded')).toBe('loaded');
  // Too late is seen as a server in trouble; it is used again.
  expect(events).toContainEqual(expect.objectContaining({ type: 'cache-link', state: 'down' }));
  await soon(async () => expect(await cache.get('small', failed)).toBe('Ada'));
  await redis.config('RESETSTAT');
  events = [];
  expect(await cache.get('big', async () => 'again')).toBe('again');
  expect(events.filter(({ type }) => type === 'cache-link')).toEqual([]);
  expect(await sent()).toBeLessThan(bigBytes / 100);
  // It filled the key by right of a lease: the big value is gone.
  await soon(async () => expect(await cache.get('big', failed)).toBe('again'));
  expect(await redis.strlen(name('big'))).toBeLessThan(1_000);
  await proxy.close();
});

it('what is no text under a key, or under its lease, is answered by the loader', async () => {
  const cache = await open<string>({ version: () => 1, leaseMs: 50 });
  await redis.rpush(name('list'), 'a', 'b');
  expect(await cache.get('list', async () => 'loaded')).toBe('loaded');
  await soon(async () => expect(await cache.get('list', failed)).toBe('loaded'));
  await redis.rpush(`${name('odd')}:lease`, 'a');
  expect(await cache.get('odd', async () => 'loaded')).toBe('loaded');
  expect(await cache.invalidate('list', 'odd')).toBe('done');
  expect(await cache.get('odd', async () => 'anew')).toBe('anew');
});

it('scripts that the server has forgotten are sent again', async () => {
  const cache = await open<string>();
  await redis.script('FLUSH');
  expect(await cache.get('ada', async () => 'Ada')).toBe('Ada');
  await soon(async () => expect(await cache.get('ada', failed)).toBe('Ada'));
  await redis.script('FLUSH');
  expect(await cache.invalidate('ada')).toBe('done');
  expect(await cache.get('ada', async () => 'Grace')).toBe('Grace');
  expect(faults()).toEqual([]);
});

it('a server that wants another password is not used, which is told and not thrown', async () => {
  await redis.config('SET', 'requirepass', 'secret');
  try {
    const wrong = new URL(cluster.redis.url);
    wrong.password = 'wrong';
    for (const url of [cluster.redis.url, wrong.href]) {
      events = [];
      const cache = make<string>({ redis: url });
      expect(await cache.ready({ timeoutMs: 300 })).toBe(false);
      expect(await cache.get('ada', async () => 'Ada')).toBe('Ada');
      expect(await cache.get('ada', async () => 'Grace')).toBe('Grace');
      expect(await cache.invalidate('ada')).toBe('pending');
      await soon(() => expect(faults()).not.toEqual([]));
      expect(JSON.stringify(events)).not.toMatch(/secret|:wrong/);
      expect(events.filter(({ type }) => type === 'cache-link')).toEqual([]);
      await cache.close();
    }
  } finally {
    await redis.config('SET', 'requirepass', '');
  }
  expect(await redis.keys('*')).toEqual([]);
});

it('a server that lets no scripts run is done without', async () => {
  const user = ['on', '>secret', '~*', '&*', '+@all', '-eval', '-evalsha'];
  await redis.acl('SETUSER', 'scriptless', ...user);
  const url = new URL(cluster.redis.url);
  url.username = 'scriptless';
  url.password = 'secret';
  const cache = make<string>({ redis: url.href });
  expect(await cache.ready({ timeoutMs: 500 })).toBe(false);
  expect(await cache.get('ada', async () => 'Ada')).toBe('Ada');
  expect(await cache.invalidate('ada')).toBe('pending');
  expect(await cache.get('ada', async () => 'Grace')).toBe('Grace');
  expect(JSON.stringify(faults())).toContain('NOPERM');
});

it('a load that outlives its server fills nothing on the next one, though its lease came along', async () => {
  const cache = await open<string>({ leaseMs: 60_000 });
  let end: (value: string) => void = () => {};
  const slow = cache.get('ada', () => new Promise<string>((resolve) => (end = resolve)));
  const lease = `${name('ada')}:lease`;
  await soon(async () => expect(await redis.exists(lease)).toBe(1));
  const token = (await redis.get(lease)) ?? '';
  await cluster.redis.kill();
  await cluster.redis.restart();
  await soon(async () => expect(await cache.invalidate('other')).toBe('done'));
  // As by a replica that was promoted before it heard that the lease was void.
  await redis.set(lease, token, 'PX', 60_000);
  end('old');
  expect(await slow).toBe('old');
  await soon(async () => expect(await redis.exists(lease)).toBe(0));
  expect(await redis.get(name('ada'))).toBeNull();
});
