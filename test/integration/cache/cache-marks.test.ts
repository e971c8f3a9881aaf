import { Redis } from 'ioredis';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { LoadMany } from '../../../src/cache/loads/leased-loads.ts';
import { ReadThrough } from '../../../src/cache/read-through.ts';
import { leaseKey, markKey, valueKey } from '../../../src/cache/redis/redis-keys.ts';
import { RedisRegions } from '../../../src/cache/redis/redis-regions.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { eventually } from '../../support/eventually.ts';
import { cacheConfig } from '../../support/redis/read-through.ts';

/** A mark says that a key was changed of late: then no copy that lags may be asked. */

const markMs = 100;
let cluster: LocalCluster;
let redis: Redis;
let regions: RedisRegions;
let cache: ReadThrough<number>;

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: [], redis: true });
  redis = new Redis(cluster.redis.url);
});

afterAll(async () => {
  redis.disconnect();
  await cluster.stop();
});

beforeEach(async () => {
  await redis.flushall();
  const times = { commandTimeoutMs: 2_000, farTimeoutMs: 2_000, maxGapMs: 1_000, leaseMs: 10_000 };
  regions = new RedisRegions(
    redis,
    { region: undefined, ...times, maxEntryBytes: 1_000, maxPendingInvalidations: 100_000 },
    () => {},
  );
  await regions.ready(new Deadline(Number.POSITIVE_INFINITY));
  cache = new ReadThrough<number>(
    { ...cacheConfig, markMs, decode: Number },
    regions.stores,
    () => {},
  );
});

afterEach(async () => {
  await cache.close();
  regions.close();
});

/** A load, and whether a copy that lags would have done for it. */
function source(): { readonly load: LoadMany<number>; readonly lagging: boolean[] } {
  const lagging: boolean[] = [];
  const load: LoadMany<number> = async (keys, { mayLag }) => {
    lagging.push(...keys.map(mayLag));
    return keys.map(() => 1);
  };
  return { load, lagging };
}

const name = (key: string) => valueKey('test', key);
let asked = 0;

/** Until Redis has been known for longer than a mark lives. */
const known = () =>
  eventually(
    async () => {
      const { load, lagging } = source();
      await cache.getMany([`other-${++asked}`], load);
      expect(lagging).toEqual([true]);
    },
    { interval: 20 },
  );

it('a copy that lags does only when Redis has been known for as long as marks live', async () => {
  const { load, lagging } = source();
  await cache.getMany(['early'], load);
  expect(lagging).toEqual([false]);
  await known();
});

it('after a change the newest copy is asked until the mark ends, whatever is stored and forgotten meanwhile', async () => {
  await known();
  expect(await cache.invalidate(['row'])).toBe('done');
  const changedAtMs = performance.now();
  const { load, lagging } = source();
  for (let loads = 1; loads < 4; loads++) {
    await cache.getMany(['row'], load, { maxAgeMs: 0 });
    await eventually(async () => expect(await redis.get(name('row'))).toMatch(/^m2/));
    await redis.del(name('row'));
  }
  if (performance.now() - changedAtMs < markMs) expect(lagging).not.toContain(true);
  await eventually(async () => {
    await cache.getMany(['row'], load, { maxAgeMs: 0 });
    expect(lagging.at(-1)).toBe(true);
  });
});

it('a Redis that was emptied is believed again after as long as marks live', async () => {
  await known();
  await cache.invalidate(['row']);
  await redis.flushall();
  const { load, lagging } = source();
  await cache.getMany(['row', 'other'], load);
  expect(lagging).toEqual([false, false]);
  await known();
});

it('forgetting all of a namespace leaves marks where they are', async () => {
  await known();
  await cache.invalidate(['row']);
  await regions.stores?.own.forgetAll('test', markMs);
  expect(await redis.get(markKey(name('row')))).not.toBeNull();
  const { load, lagging } = source();
  await cache.getMany(['other'], load);
  expect(lagging).toEqual([false]);
});

it('a change between the look at Redis and the lease counts', async () => {
  await known();
  await redis.set(leaseKey(name('row')), 'another', 'PX', 60_000);
  await redis.config('RESETSTAT');
  const { load, lagging } = source();
  const waiting = cache.getMany(['row'], load);
  // It has looked, found nothing, and waits for the other process; now that one's row is changed.
  await eventually(async () => expect(await scriptsRun()).toBeGreaterThan(1));
  await redis
    .multi()
    .set(markKey(name('row')), '1', 'PX', 60_000)
    .del(leaseKey(name('row')))
    .exec();
  await waiting;
  expect(lagging).toEqual([false]);
});

it('while Redis is being told of a change the newest copy is asked', async () => {
  await known();
  const changing = cache.invalidate(['row']);
  const { load, lagging } = source();
  await Promise.all([cache.getMany(['row'], load), changing]);
  expect(lagging).toEqual([false]);
});

/** How many scripts were run since the statistics began. */
async function scriptsRun(): Promise<number> {
  const stats = await redis.info('commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}
