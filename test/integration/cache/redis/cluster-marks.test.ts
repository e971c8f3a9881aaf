import { Cluster, type Redis } from 'ioredis';
import { startLocalRedis } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ReadThrough } from '../../../../src/cache/read-through.ts';
import { RedisRegions } from '../../../../src/cache/redis/redis-regions.ts';
import { Deadline } from '../../../../src/resilience/time/deadline.ts';
import { eventually } from '../../../support/eventually.ts';
import { cacheConfig } from '../../../support/redis/read-through.ts';

/** Marks of changes in a Redis Cluster: each server may lose those that lie on it. */

/** Long beside what the reads of a test take on a busy machine. */
const markMs = 1_000;
let servers: Awaited<ReturnType<typeof startCluster>>;
let client: Cluster;
let regions: RedisRegions;
let cache: ReadThrough<number>;

const startCluster = () => startLocalRedis({ kind: 'cluster' });

beforeAll(async () => {
  servers = await startCluster();
  client = new Cluster(servers.nodes);
  const times = { commandTimeoutMs: 2_000, farTimeoutMs: 2_000, maxGapMs: 1_000, leaseMs: 10_000 };
  regions = new RedisRegions(
    client,
    { region: undefined, ...times, maxEntryBytes: 1_000, maxPendingInvalidations: 100_000 },
    () => {},
  );
  await regions.ready(new Deadline(Number.POSITIVE_INFINITY));
  cache = new ReadThrough<number>(
    { ...cacheConfig, markMs, decode: Number },
    regions.stores,
    () => {},
  );
}, 60_000);

afterAll(async () => {
  await cache.close();
  regions.close();
  client.disconnect();
  await servers.stop();
});

let asked = 0;

/** For which of many new keys, on all servers, a copy that lags would do. */
async function lagging(): Promise<ReadonlySet<boolean>> {
  const seen = new Set<boolean>();
  const keys = Array.from({ length: 40 }, () => `key-${++asked}`);
  await cache.getMany(keys, async (missing, { mayLag }) => {
    for (const key of missing) seen.add(mayLag(key));
    return missing.map(() => 1);
  });
  return seen;
}

const known = () =>
  eventually(async () => expect(await lagging()).toEqual(new Set([true])), { interval: 20 });

it('keys of a server that was emptied are loaded from the newest copy for as long as marks live', async () => {
  await known();
  const emptied: Redis[] = client.nodes('master').slice(0, 1);
  await Promise.all(emptied.map((node) => node.flushall()));
  expect(await lagging()).toContain(false);
  await known();
});

it('keys of all servers are, once all of a namespace was forgotten', async () => {
  await known();
  expect(await regions.stores?.own.forgetAll('test', markMs)).toBe(true);
  expect(await lagging()).toEqual(new Set([false]));
  await known();
});
