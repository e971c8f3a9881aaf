import { Cluster } from 'ioredis';
import { createCache } from 'meridian/cache';
import { type ClusterRedis, startLocalRedis } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';

let redis: ClusterRedis;

beforeAll(async () => {
  redis = await startLocalRedis({ kind: 'cluster', replicas: 1 });
});

afterAll(() => redis.stop());

it('a cache uses what took the place of a master that died', async () => {
  const client = new Cluster(redis.nodes);
  const cache = createCache<number>({ redis: client, namespace: 'replaced', ttlMs: 1_000 });
  try {
    await cache.ready();
    expect(await cache.invalidate('key')).toBe('done');
    const old = await redis.master('key');
    await old.kill();
    await redis.replacementOf(old);
    await eventually(async () => expect(await cache.invalidate('key')).toBe('done'), {
      timeout: 5_000,
    });
  } finally {
    await cache.close();
    client.disconnect();
  }
});
