import type { MeridianEvent } from 'meridian';
import { type Cache, type CacheOptions, createCache } from 'meridian/cache';
import { afterEach, expect } from 'vitest';
import { valueKey } from '../../../src/cache/redis/redis-keys.ts';
import { eventually } from '../eventually.ts';
import type { RedisGround } from './redis-kinds.ts';

/** Asks again every few milliseconds, until it is so. */
export const soon = <T>(what: () => T) => eventually(what, { interval: 3, timeout: 5_000 });

/** Grounds of one kind share their servers. */
let turn = 0;

/** Opens the caches of tests on one ground; those of one test share a namespace. */
export function cachesOn(ground: RedisGround) {
  const caches: { close(): Promise<void> }[] = [];
  let events: MeridianEvent[] = [];
  let namespace = '';

  afterEach(async () => {
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
    events = [];
    namespace = '';
  });

  /** A process's cache, which is connected. Two of them are two processes to each other. */
  async function open<V>(options: Partial<CacheOptions<V>> = {}): Promise<Cache<V>> {
    if (namespace === '') namespace = `test-${++turn}`;
    const cache = createCache<V>({
      redis: ground.open(),
      namespace,
      ttlMs: 60_000,
      maxGapMs: 200,
      commandTimeoutMs: 2_000,
      observer: (event) => events.push(event),
      ...options,
    });
    caches.push(cache);
    expect(await cache.ready({ timeoutMs: 10_000 })).toBe(true);
    return cache;
  }

  /** Redis itself, past the cache. */
  const raw = () => {
    const client = ground.open();
    if (client === false) throw new TypeError('there is no Redis');
    return client;
  };
  /** The Redis key of an entry. */
  const nameOf = (key: string) => valueKey(namespace, key);
  return {
    open,
    raw,
    nameOf,
    hasRedis: ground.kind !== 'memory',
    faults: () => events.filter(({ type }) => type === 'cache-fault'),
    loads: () => events.filter(({ type }) => type === 'cache-load').length,
    /** What the comparisons with the source came to. */
    compared: () =>
      events.flatMap((event) => (event.type === 'cache-shadow' ? [event.outcome] : [])),
    isStored: (key: string) =>
      soon(async () => expect(await raw().get(nameOf(key))).toMatch(/^m2\|-?\d*\|[^|]*\|\w{16}\|/)),
  };
}
