import { Redis } from 'ioredis';
import { ConfigError, type DataLayerOptions } from 'meridian';
import { type LocalCluster, startChaosProxy, startLocalCluster } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { failureOf, shardNames, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let other: LocalCluster;
const opened: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  [cluster, other] = await Promise.all([
    TestCluster.start(),
    startLocalCluster({ shards: [], redis: true }),
  ]);
});

afterAll(() => Promise.all([cluster.stop(), other.stop()]));

/** Nobody runs, nothing is on record and both Redis are empty. */
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await cluster.forgetFacts();
  for (const url of [cluster.redisUrl, other.redis.url]) await empty(url);
});

async function open(redis: DataLayerOptions<typeof tables>['redis']) {
  const one = await cluster.open({ redis });
  opened.push(one.data);
  return one;
}

async function empty(url: string): Promise<void> {
  const client = new Redis(url);
  await client.flushall();
  client.disconnect();
}

async function idIn(url: string): Promise<string | null | undefined> {
  const client = new Redis(url);
  const [key] = await client.keys('*:redis-id');
  const id = key && (await client.get(key));
  client.disconnect();
  return id;
}

async function refusal(redis: DataLayerOptions<typeof tables>['redis']): Promise<string> {
  const error = await failureOf(open(redis));
  expect(error).toBeInstanceOf(ConfigError);
  return error instanceof ConfigError ? error.message : '';
}

/** The process that used a Redis is dead and did not say so. */
async function age(): Promise<void> {
  for (const shard of shardNames) {
    await cluster.sql(
      shard,
      "UPDATE meridian_facts SET recorded_at = NOW(6) - INTERVAL 10 MINUTE WHERE fact LIKE 'redis/used/%'",
    );
  }
}

it('A7: a service with another Redis than the one that others use is refused, and its Redis stays as it is', async () => {
  await open(cluster.redisUrl);
  expect(await refusal(other.redis.url)).toMatch(/redis: this Redis has no id, and a process/);
  expect(await idIn(other.redis.url)).toBeUndefined();
  await open(cluster.redisUrl);
});

it('A7: a Redis that belongs to other services is refused, whoever runs', async () => {
  const { data } = await open(other.redis.url);
  await data.close();
  await cluster.forgetFacts();
  const { data: right } = await open(cluster.redisUrl);
  expect(await refusal(other.redis.url)).toMatch(/has the id \w+, but the one .* has \w+/);
  await right.close();
  expect(await refusal(other.redis.url)).toMatch(/empty this one/);
  await empty(other.redis.url);
  await open(other.redis.url);
});

it('A7: of two services that start at once with a Redis each, one is refused', async () => {
  const ends = await Promise.allSettled([open(cluster.redisUrl), open(other.redis.url)]);
  expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

it('A7: a Redis that lost all it held keeps its services', async () => {
  const { data } = await open(cluster.redisUrl);
  const id = await idIn(cluster.redisUrl);
  await empty(cluster.redisUrl);
  await eventually(async () => expect(await idIn(cluster.redisUrl)).toBe(id));
  await open(cluster.redisUrl);
  expect(data.health().redis).toEqual({ redis: 'up' });
});

it('A7: an empty Redis takes the place of one that nobody uses any more', async () => {
  const first = await open(cluster.redisUrl);
  await first.data.close();
  await open(other.redis.url);
  await empty(cluster.redisUrl);
  expect(await refusal(cluster.redisUrl)).toMatch(/a process that runs uses one/);
  await age();
  await open(cluster.redisUrl);
});

it('A7: one Redis for all regions and one for each are not shared', async () => {
  await open(cluster.redisUrl);
  expect(await refusal({ eu: cluster.redisUrl, us: other.redis.url })).toMatch(
    /'redis meridian in regions 1 2' here, but .* has 'redis meridian' on record/,
  );
});

it('A7: a Redis that was down at the start and turns out to be another is not used', async () => {
  await open(cluster.redisUrl);
  const proxy = await startChaosProxy({ target: other.redis.url });
  proxy.refuse();
  const { data, events } = await open(proxy.urlFor(other.redis.url));
  proxy.heal();
  await eventually(() => {
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'cache-fault',
        message: expect.stringContaining('this Redis has no id'),
      }),
    );
  });
  expect(data.health().redis).toEqual({ redis: 'down' });
  const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
  expect(await data.users.update(ada.id, { name: 'Eve' })).toMatchObject({
    invalidation: 'pending',
  });
  await data.close();
  await proxy.close();
});

const { now } = Date;

/** As after a suspend, in which the monotonic clock stands still. */
function haveSlept(ms: number): void {
  vi.spyOn(Date, 'now').mockImplementation(() => now() + ms);
}

it('a process that slept while another Redis took the place of its own does not go on with it', async () => {
  const sleeper = await open(cluster.redisUrl);
  const { id } = await sleeper.data.users.insert({ country: 'DE', name: 'one' });
  await age();
  const fresh = await open(other.redis.url);
  expect(await fresh.data.users.get(id)).toMatchObject({ name: 'one' });
  haveSlept(180_000);
  // What it was told before it slept does not count, so it asks before it uses the Redis again.
  expect((await sleeper.data.users.update(id, { name: 'two' })).invalidation).toBe('pending');
  await eventually(() => {
    const faults = sleeper.events.filter((event) => event.type === 'cache-fault');
    expect(faults.map(({ message }) => message).join()).toContain('the one that services of this');
  });
  expect(sleeper.data.health().redis).toEqual({ redis: 'down' });
  await eventually(() => expect(fresh.data.health().redis).toEqual({ redis: 'up' }));
});

it('a process that can tell no shard which Redis it uses leaves it in time, and comes back', async () => {
  const before = await Promise.all(
    shardNames.map(async (shard) => [shard, await cluster.proxy(shard)] as const),
  );
  const urls = Object.fromEntries(before.map(([shard, { url }]) => [shard, url]));
  const { data } = await cluster.open({ topology: cluster.topology(urls) });
  opened.push(data);
  for (const [, { proxy }] of before) proxy.blackHole();
  haveSlept(60_000);
  await eventually(() => expect(data.health().redis).toEqual({ redis: 'up' }), { timeout: 5_000 });
  haveSlept(120_000);
  await eventually(() => expect(data.health().redis).toEqual({ redis: 'down' }));
  for (const [, { proxy }] of before) proxy.heal();
  await eventually(() => expect(data.health().redis).toEqual({ redis: 'up' }), { timeout: 15_000 });
});
