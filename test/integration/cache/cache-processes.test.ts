import { Redis } from 'ioredis';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { leaseKey, valueKey } from '../../../src/cache/redis/redis-keys.ts';
import { eventually } from '../../support/eventually.ts';
import { CacheChild } from '../../support/redis/cache-children.ts';

/** What real processes do together over one Redis. */

const namespace = 'test';
const leaseMs = 2_000;
let cluster: LocalCluster;
let redis: Redis;
let children: CacheChild[] = [];

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: [], redis: true });
  redis = new Redis(cluster.redis.url);
});

afterAll(async () => {
  await Promise.all(children.map((child) => child.kill()));
  redis.disconnect();
  await cluster.stop();
});

beforeEach(async () => {
  await Promise.all(children.map((child) => child.kill()));
  await redis.flushall();
  const options = { redis: cluster.redis.url, namespace, leaseMs };
  children = await Promise.all([1, 2, 3, 4].map(() => CacheChild.start(options)));
});

const loads = () => children.reduce((sum, child) => sum + child.loads, 0);
const lease = leaseKey(valueKey(namespace, 'ada'));
const stored = () => redis.get(valueKey(namespace, 'ada'));
const ask = (child: CacheChild, times: number, value: string) =>
  child.tell({ is: 'ask', key: 'ada', times, value });

/** Until that much of a lease is over, so that who begins to wait outwaits it. */
const halfOver = () =>
  eventually(async () => expect(await redis.pttl(lease)).toBeLessThan(leaseMs / 2), {
    timeout: 5_000,
    interval: 10,
  });

it('800 gets of one cold key in four processes are one load', async () => {
  for (const child of children) ask(child, 200, 'Ada');
  await Promise.all(children.map((child) => child.has('asked')));
  await eventually(() => expect(loads()).toBeGreaterThan(0));
  for (const child of children) child.tell({ is: 'release' });
  await Promise.all(children.map((child) => child.has('answered')));
  for (const child of children) expect(child.answers).toEqual(new Set(['Ada']));
  expect(loads()).toBe(1);
});

it('a process that is killed while it loads costs the others one lease and one load', async () => {
  const [owner, ...others] = children;
  if (owner === undefined) throw new TypeError('there are four');
  ask(owner, 10, 'lost');
  await owner.has('loading');
  await owner.kill();
  expect(await redis.exists(lease)).toBe(1);
  await halfOver();
  for (const child of others) child.tell({ is: 'release' });
  for (const child of others) ask(child, 50, 'Ada');
  await Promise.all(others.map((child) => child.has('answered')));
  for (const child of others) expect(child.answers).toEqual(new Set(['Ada']));
  expect(loads()).toBe(2);
});

it('a process that lost its lease while it was frozen stores nothing over what came after', async () => {
  const [frozen, other, fresh] = children;
  if (!(frozen && other && fresh)) throw new TypeError('there are four');
  ask(frozen, 1, 'old');
  await frozen.has('loading');
  frozen.signal('SIGSTOP');
  // What an invalidation does, but for the message: only the lease can tell the process.
  await redis.del(lease);
  other.tell({ is: 'release' });
  ask(other, 1, 'new');
  await other.has('answered');
  await eventually(async () => expect(await stored()).toMatch(/"new"$/));
  frozen.tell({ is: 'release' });
  frozen.signal('SIGCONT');
  await frozen.has('answered');
  expect(frozen.answers).toEqual(new Set(['old']));
  // By the same connection, so what it had to store came before.
  frozen.tell({ is: 'invalidate', key: 'another' });
  await frozen.has('invalidated');
  expect(frozen.said.at(-1)).toEqual({ is: 'invalidated', result: 'done' });
  expect(await stored()).toMatch(/"new"$/);
  ask(fresh, 1, 'not loaded');
  await fresh.has('answered');
  expect(fresh.answers).toEqual(new Set(['new']));
  expect(loads()).toBe(2);
});
