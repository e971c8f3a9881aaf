import { deflateRawSync } from 'node:zlib';
import { Redis } from 'ioredis';
import type { MeridianEvent } from 'meridian';
import { type Cache, type CacheOptions, createCache } from 'meridian/cache';
import { type StandaloneRedis, startChaosProxy, startLocalRedis } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { valueKey } from '../../../../src/cache/redis/redis-keys.ts';
import { eventually } from '../../../support/eventually.ts';

/** How much of a cache's time and memory a Redis, its network and its other users can take. */

let redis: StandaloneRedis;
let admin: Redis;
let events: MeridianEvent[] = [];
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  redis = await startLocalRedis({ kind: 'standalone' });
  admin = new Redis(redis.url);
});

afterAll(async () => {
  admin.disconnect();
  await redis.stop();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((cache) => cache.close()));
  events = [];
  await admin.flushall();
});

async function make<V>(options: Partial<CacheOptions<V>> = {}): Promise<Cache<V>> {
  const cache = createCache<V>({
    redis: redis.url,
    namespace: 'limits',
    ttlMs: 60_000,
    observer: (event) => events.push(event),
    ...options,
  });
  open.push(cache);
  expect(await cache.ready()).toBe(true);
  return cache;
}

const faults = () => events.filter(({ type }) => type === 'cache-fault');
const downs = () => events.filter((event) => event.type === 'cache-link' && event.state === 'down');

it('Z2: an entry of 65 kB that unpacks to 50 MB is a miss, and is not unpacked', async () => {
  const bomb = deflateRawSync(JSON.stringify('x'.repeat(50_000_000))).toString('base64');
  for (const compressOverBytes of [undefined, 100]) {
    const cache = await make<string>({
      memory: false,
      ...(compressOverBytes === undefined ? {} : { compressOverBytes }),
    });
    await cache.get('ada', async () => 'Ada');
    const name = valueKey('limits', 'ada');
    await eventually(async () => expect(await admin.get(name)).toMatch(/^m2/));
    const stored = (await admin.get(name)) ?? '';
    const head = stored.slice(0, stored.lastIndexOf('|j|'));
    await admin.set(name, `${head}|z|${bomb}`);
    const before = process.memoryUsage().rss;
    expect(await cache.get('ada', async () => 'loaded')).toBe('loaded');
    expect(process.memoryUsage().rss - before).toBeLessThan(40_000_000);
    expect(faults().length).toBeGreaterThan(0);
    await admin.del(name);
    events = [];
  }
});

it('Z2: an entry of very many objects in each other is a miss', async () => {
  const cache = await make<unknown>({ memory: false });
  await cache.get('ada', async () => 'Ada');
  const name = valueKey('limits', 'ada');
  await eventually(async () => expect(await admin.get(name)).toMatch(/^m2/));
  const head = ((await admin.get(name)) ?? '').split('|j|')[0];
  await admin.set(name, `${head}|j|${'['.repeat(200_000)}${']'.repeat(200_000)}`);
  expect(await cache.get('ada', async () => 'loaded')).toBe('loaded');
  expect(faults().length).toBeGreaterThan(0);
});

it('Z3: a heartbeat that somebody else sends proves nothing', async () => {
  const maxGapMs = 200;
  const cache = await make<string>({ maxGapMs });
  const isKept = () =>
    eventually(async () => {
      await cache.get('ada', async () => 'Ada');
      expect(cache.peek('ada')).toBe('Ada');
    });
  await isKept();
  const channels = await admin.call('PUBSUB', 'CHANNELS', 'meridian:beat:*');
  expect(channels).toHaveLength(1);
  const [beats] = Array.isArray(channels) ? channels : [];
  for (const forged of [performance.now() + 60_000, 'Infinity', '1e9', '']) {
    await admin.publish(String(beats), String(forged));
  }
  // Past what was read lately, which is believed by its youth.
  await new Promise((resolve) => setTimeout(resolve, 1.5 * maxGapMs));
  await isKept();
  const until = performance.now() + 2 * maxGapMs;
  while (performance.now() < until);
  // The clock is looked at once in so many readings.
  const seen = Array.from({ length: 200 }, () => cache.peek('ada'));
  expect(seen.at(-1)).toBeUndefined();
});

it('C13: 20,000 keys are invalidated in parts that a slow link carries, and 100 of 200 kB read so', async () => {
  const proxy = await startChaosProxy({ target: redis.url });
  try {
    const cache = await make<string>({
      redis: proxy.urlFor(redis.url),
      memory: false,
      commandTimeoutMs: 1_000,
      leaseMs: 10_000,
    });
    const keys = Array.from({ length: 100 }, (_, at) => `long-${at}`);
    proxy.bandwidth(10_000_000);
    await cache.getMany(keys, async (some) => some.map((key) => key.padEnd(200_000, 'x')));
    await eventually(async () => expect(await admin.dbsize()).toBeGreaterThan(95), {
      timeout: 10_000,
    });
    let loaded = 0;
    const read = await cache.getMany(keys, async (some) => {
      loaded += some.length;
      return some.map((key) => key.padEnd(200_000, 'x'));
    });
    expect(read.map((value) => value?.length)).toEqual(keys.map(() => 200_000));
    expect(loaded).toBeLessThan(20);
    const many = Array.from({ length: 20_000 }, (_, at) => `key-${at}`);
    expect(await cache.invalidate(...many)).toBe('done');
    expect(await Promise.all(many.map((key) => cache.invalidate(key)))).not.toContain('pending');
    expect(downs()).toEqual([]);
  } finally {
    await proxy.close();
  }
});
