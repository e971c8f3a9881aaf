import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { MeridianEvent } from 'meridian';
import { type Cache, type CacheOptions, createCache } from 'meridian/cache';
import {
  type ChaosProxy,
  type StandaloneRedis,
  startChaosProxy,
  startLocalRedis,
} from 'meridian/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { valueKey } from '../../../src/cache/redis/redis-keys.ts';
import { eventually } from '../../support/eventually.ts';

/** More changes than a process may remember while it can't reach Redis. */

const keys = Array.from({ length: 600 }, (_, index) => `key-${index}`);
const mostPending = 100;

describe('one server', () => {
  let redis: StandaloneRedis;
  let proxy: ChaosProxy;
  let client: Redis;
  let events: MeridianEvent[];
  const caches: { close(): Promise<void> }[] = [];
  const source = new Map<string, number>();

  beforeAll(async () => {
    redis = await startLocalRedis({ kind: 'standalone' });
    proxy = await startChaosProxy({ target: redis.url });
    client = new Redis(redis.url);
  });

  afterAll(async () => {
    client.disconnect();
    await proxy.close();
    await redis.stop();
  });

  beforeEach(async () => {
    events = [];
    for (const key of keys) source.set(key, 1);
    await client.flushall();
  });

  afterEach(async () => {
    proxy.heal();
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
  });

  async function open(url: string, options: Partial<CacheOptions<number>> = {}) {
    const cache = createCache<number>({
      redis: url,
      namespace: 'over*flow',
      ttlMs: 600_000,
      maxGapMs: 400,
      commandTimeoutMs: 2_000,
      loadConcurrency: 1_000,
      loadQueue: 10_000,
      maxPendingInvalidations: mostPending,
      ...options,
    });
    caches.push(cache);
    expect(await cache.ready()).toBe(true);
    return cache;
  }

  const load = (key: string) => async () => source.get(key) ?? null;
  const readAll = (cache: Cache<number>) =>
    Promise.all(keys.map((key) => cache.get(key, load(key))));
  /** Until all values are in Redis: on a busy machine a link may be down for a moment, and its loads fill nothing. */
  const filledBy = (cache: Cache<number>, others = 0) =>
    eventually(async () => {
      await readAll(cache);
      expect(await client.dbsize()).toBe(keys.length + others);
    });
  const queued = () =>
    events.flatMap((event) => (event.type === 'cache-invalidation' ? [event.queued] : []));
  const recovered = () =>
    eventually(
      () => {
        const last = events.findLast(({ type }) => type === 'cache-invalidation');
        expect(last).toMatchObject({ state: 'recovered', queued: 0 });
      },
      { timeout: 15_000 },
    );

  it('C14: what is pending is bounded, and when Redis is back nobody serves what was changed', async () => {
    const writer = await open(proxy.urlFor(redis.url), { observer: (event) => events.push(event) });
    const reader = await open(redis.url);
    const stranger = await open(redis.url, { namespace: 'other' });
    await stranger.get('kept', async () => 1);
    await filledBy(await open(redis.url, { memory: false }), 1);
    await readAll(reader);
    proxy.refuse();
    proxy.reset();
    for (const key of keys) {
      source.set(key, 2);
      await writer.invalidate(key);
    }
    expect(Math.max(...queued())).toBeLessThanOrEqual(mostPending);
    // Nor does it believe Redis about what it has no name of any more.
    expect(await readAll(writer)).toEqual(keys.map(() => 2));
    proxy.heal();
    await recovered();
    expect(await readAll(writer)).toEqual(keys.map(() => 2));
    await pause(400);
    expect(await readAll(reader)).toEqual(keys.map(() => 2));
    expect(await client.exists(valueKey('other', 'kept'))).toBe(1);
  });

  it('C14: loads that began before the change fill nothing after it, and later ones do', async () => {
    const writer = await open(proxy.urlFor(redis.url), { observer: (event) => events.push(event) });
    const reader = await open(redis.url, { memory: false });
    proxy.refuse();
    proxy.reset();
    let isOver = false;
    // Slow loads all the while: each reads at its begin and comes back at any time.
    const loading = Promise.all(
      keys.map(async (key, index) => {
        while (!isOver) {
          await reader.get(key, async () => {
            const value = source.get(key) ?? null;
            await pause((index * 7) % 300);
            return value;
          });
          await pause(20);
        }
      }),
    );
    for (const key of keys) {
      source.set(key, 2);
      await writer.invalidate(key);
    }
    proxy.heal();
    await recovered();
    expect(await readAll(reader)).toEqual(keys.map(() => 2));
    isOver = true;
    await loading;
    expect(await readAll(reader)).toEqual(keys.map(() => 2));
    expect(await client.dbsize()).toBe(keys.length);
  });

  it('C14: a Redis that was killed and came back empty is used again', async () => {
    const [server] = redis.servers;
    const writer = await open(redis.url, {
      memory: false,
      observer: (event) => events.push(event),
    });
    await readAll(writer);
    await server?.kill();
    for (const key of keys) {
      source.set(key, 2);
      await writer.invalidate(key);
    }
    expect(Math.max(...queued())).toBeLessThanOrEqual(mostPending);
    await server?.restart();
    await recovered();
    expect(await readAll(writer)).toEqual(keys.map(() => 2));
    await filledBy(writer);
  });
});
