import { Redis } from 'ioredis';
import type { MeridianEvent } from 'meridian';
import { type Cache, type CacheOptions, createCache } from 'meridian/cache';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { encodeStored } from '../../src/cache/codec.ts';
import { ReadThrough } from '../../src/cache/read-through.ts';
import { redisKeys } from '../../src/cache/redis-keys.ts';
import { RedisRegions } from '../../src/cache/redis-regions.ts';

let cluster: LocalCluster;
let redis: Redis;
let events: MeridianEvent[];
const caches: Cache<unknown>[] = [];

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: [], redis: true });
  redis = new Redis(cluster.redis.url);
  await redis.ping();
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

/** One process's cache. They all share one connection, which is open already. */
function open<V>(options: Partial<CacheOptions<V>> = {}): Cache<V> {
  const cache = createCache<V>({
    redis,
    namespace: 'test',
    ttlMs: 60_000,
    commandTimeoutMs: 2_000,
    observer: (event) => events.push(event),
    ...options,
  });
  caches.push(cache as Cache<unknown>);
  return cache;
}

const leases = () => redis.keys('*:lease');
const stored = (key: string) => redis.get(redisKeys('test', key).value);
const faults = () => events.filter(({ type }) => type === 'cache-fault');
const results = () => events.flatMap((event) => (event.type === 'cache' ? [event.result] : []));
const noLease = () => vi.waitFor(async () => expect(await leases()).toEqual([]));

it('an entry of a host whose clock is ahead does not outlive its invalidation', async () => {
  const here = open<string>({ memoryTtlMs: 20 });
  const there = open<string>({ memoryTtlMs: 20 });
  const ahead = encodeStored({ value: 'old', storedAtMs: Date.now() + 60_000 }, '');
  await redis.set(redisKeys('test', 'ada').value, ahead);
  const load = vi.fn(async () => 'new');
  expect(await here.get('ada', load)).toBe('old');
  expect(load).not.toHaveBeenCalled();
  expect(await there.invalidate('ada')).toBe('done');
  await vi.waitFor(async () => expect(await here.get('ada', load)).toBe('new'));
  expect(load).toHaveBeenCalledTimes(1);
});

it('an entry of a host whose clock is ahead does not stand in for what Redis has no longer', async () => {
  const here = open<string>({ memoryTtlMs: 0 });
  const ahead = encodeStored({ value: 'old', storedAtMs: Date.now() + 60_000 }, '');
  await redis.set(redisKeys('test', 'ada').value, ahead);
  expect(await here.get('ada', async () => 'new')).toBe('old');
  await redis.del(redisKeys('test', 'ada').value);
  expect(await here.get('ada', async () => 'new')).toBe('new');
});

it('a cache that trusts no memory is served by Redis, without loading', async () => {
  const cache = open<number>({ memoryTtlMs: 0 });
  const load = vi.fn(async () => 1);
  await cache.get('ada', load);
  await vi.waitFor(async () => expect(await stored('ada')).not.toBeNull());
  for (let turn = 0; turn < 10; turn++) expect(await cache.get('ada', load)).toBe(1);
  expect(load).toHaveBeenCalledTimes(1);
  expect(results()).toEqual(['miss', ...Array.from({ length: 10 }, () => 'redis')]);
});

it('a cache that remembers no absence stores none, and leaves no lease', async () => {
  const cache = open<number>({ negativeTtlMs: 0 });
  for (let turn = 0; turn < 12; turn++) {
    expect(await cache.get(`nobody-${turn}`, async () => null)).toBeNull();
  }
  await noLease();
  expect(await cache.invalidate('nobody-0')).toBe('done');
  await cache.close();
  expect(faults()).toEqual([]);
  expect(await redis.keys('*')).toEqual([]);
});

it('a load that fails gives its lease back, so that the next reader fills', async () => {
  const failing = open<number>();
  const own = new Error('the source is down');
  await expect(failing.get('ada', () => Promise.reject(own))).rejects.toBe(own);
  await noLease();
  const next = open<number>();
  expect(await next.get('ada', async () => 2)).toBe(2);
  await vi.waitFor(async () => expect(await stored('ada')).not.toBeNull());
  expect(await leases()).toEqual([]);
  expect(faults()).toEqual([]);
});

it('what a load keeps out leaves no entry and no lease', async () => {
  const limits = { region: undefined, commandTimeoutMs: 2_000, farTimeoutMs: 2_000 };
  const { stores } = new RedisRegions(redis, limits, (event) => events.push(event));
  const life = { ttlMs: 60_000, staleMs: 0, negativeTtlMs: 60_000, memoryTtlMs: 60_000 };
  const shape = { name: 'test', namespace: 'test', schema: '', decode: Number, maxEntries: 10 };
  const cache = new ReadThrough<number>({ ...shape, ...life }, stores, () => {});
  const loaded = await cache.getMany(
    ['kept', 'out', 'absent'],
    async (_, __, keepOut) => {
      keepOut('out');
      keepOut('absent');
      return [1, 2, null];
    },
    undefined,
  );
  expect(loaded).toEqual([1, 2, null]);
  await cache.close();
  expect(await redis.keys('*')).toEqual([redisKeys('test', 'kept').value]);
  expect(faults()).toEqual([]);
});

interface Unusual {
  name: string;
  self?: Unusual;
  greet?: () => string;
}

const circular: Unusual = { name: 'Ada' };
circular.self = circular;

it.each([
  ['refers to itself', circular],
  ['has a function', { name: 'Ada', greet: () => 'hello' }],
])('a value that %s is returned, although Redis can not hold it', async (_, value) => {
  const cache = open<Unusual>();
  expect((await cache.get('ada', async () => value))?.name).toBe('Ada');
  await noLease();
  expect(await redis.keys('*')).toEqual([]);
  expect(faults()).toMatchObject([{ operation: 'encode' }]);
  expect((await cache.get('ada', async () => null))?.name).toBe('Ada');
});
