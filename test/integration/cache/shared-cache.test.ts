import { Redis } from 'ioredis';
import type { MeridianEvent } from 'meridian';
import { type Cache, type CacheOptions, createCache } from 'meridian/cache';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { ReadThrough } from '../../../src/cache/read-through.ts';
import { encodeEntry, stampText } from '../../../src/cache/redis/entry-text.ts';
import { valueKey } from '../../../src/cache/redis/redis-keys.ts';
import { RedisRegions } from '../../../src/cache/redis/redis-regions.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { eventually } from '../../support/eventually.ts';
import { cacheConfig } from '../../support/redis/read-through.ts';

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

/** One process's cache, which is connected. */
async function open<V>(options: Partial<CacheOptions<V>> = {}): Promise<Cache<V>> {
  const cache = createCache<V>({
    redis,
    namespace: 'test',
    ttlMs: 60_000,
    commandTimeoutMs: 2_000,
    observer: (event) => events.push(event),
    ...options,
  });
  caches.push(cache as Cache<unknown>);
  expect(await cache.ready()).toBe(true);
  return cache;
}

const leases = () => redis.keys('*:lease');
const stored = (key: string) => redis.get(valueKey('test', key));
const faults = () => events.filter(({ type }) => type === 'cache-fault');
const results = () => events.flatMap((event) => (event.type === 'cache' ? [event.result] : []));
const noLease = () => eventually(async () => expect(await leases()).toEqual([]));

/** What a host would store whose clock is a minute ahead. */
async function storeFromAhead(key: string, value: string): Promise<void> {
  const run = /run_id:(\w{8})/.exec(await redis.info('server'))?.[1];
  const tenure = /master_replid:(\w{8})/.exec(await redis.info('replication'))?.[1];
  const server = `${run}${tenure}`;
  const times = { loadedAtMs: Date.now() + 60_000, freshMs: 60_000, loadMs: 1 };
  const stamp = stampText({ schema: '', server, placement: '' });
  await redis.set(
    valueKey('test', key),
    encodeEntry({ value, version: '', ...times }, stamp, 1e6, 1e6),
  );
}

it('an entry of a host whose clock is ahead does not outlive its invalidation', async () => {
  const here = await open<string>();
  const there = await open<string>();
  await storeFromAhead('ada', 'old');
  const load = vi.fn(async () => 'new');
  expect(await here.get('ada', load)).toBe('old');
  expect(load).not.toHaveBeenCalled();
  expect(await there.invalidate('ada')).toBe('done');
  await eventually(async () => expect(await here.get('ada', load)).toBe('new'));
  expect(load).toHaveBeenCalledTimes(1);
});

it('an entry of a host whose clock is ahead does not stand in for what Redis has no longer', async () => {
  const here = await open<string>({ memory: false });
  await storeFromAhead('ada', 'old');
  expect(await here.get('ada', async () => 'new')).toBe('old');
  await redis.del(valueKey('test', 'ada'));
  expect(await here.get('ada', async () => 'new')).toBe('new');
});

it('a cache that trusts no memory is served by Redis, without loading', async () => {
  const cache = await open<number>({ memory: false });
  const load = vi.fn(async () => 1);
  await cache.get('ada', load);
  await eventually(async () => expect(await stored('ada')).not.toBeNull());
  for (let turn = 0; turn < 10; turn++) expect(await cache.get('ada', load)).toBe(1);
  expect(load).toHaveBeenCalledTimes(1);
  expect(results()).toEqual(['miss', ...Array.from({ length: 10 }, () => 'redis')]);
});

it('a cache that remembers no absence stores none, and leaves no lease', async () => {
  const cache = await open<number>({ negativeTtlMs: 0 });
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
  const failing = await open<number>();
  const own = new Error('the source is down');
  await expect(failing.get('ada', () => Promise.reject(own))).rejects.toBe(own);
  await noLease();
  const next = await open<number>();
  expect(await next.get('ada', async () => 2)).toBe(2);
  await eventually(async () => expect(await stored('ada')).not.toBeNull());
  expect(await leases()).toEqual([]);
  expect(faults()).toEqual([]);
});

it('what a load keeps out leaves no entry and no lease', async () => {
  const times = { commandTimeoutMs: 2_000, farTimeoutMs: 2_000, maxGapMs: 1_000, leaseMs: 2_000 };
  const limits = {
    region: undefined,
    ...times,
    maxEntryBytes: 1_000,
    maxPendingInvalidations: 100_000,
  };
  const regions = new RedisRegions(redis, limits, (event) => events.push(event));
  const cache = new ReadThrough<number>(
    { ...cacheConfig, decode: Number },
    regions.stores,
    () => {},
  );
  await regions.ready(new Deadline(Number.POSITIVE_INFINITY));
  const loaded = await cache.getMany(['kept', 'out', 'absent'], async (_, { keepOut }) => {
    keepOut('out');
    keepOut('absent');
    return [1, 2, null];
  });
  expect(loaded).toEqual([1, 2, null]);
  await cache.close();
  regions.close();
  expect(await redis.keys('*')).toEqual([valueKey('test', 'kept')]);
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
  const cache = await open<Unusual>();
  expect((await cache.get('ada', async () => value))?.name).toBe('Ada');
  await noLease();
  expect(await redis.keys('*')).toEqual([]);
  expect(faults()).toMatchObject([{ operation: 'encode' }]);
  expect((await cache.get('ada', async () => null))?.name).toBe('Ada');
});
