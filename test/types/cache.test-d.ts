import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5';
import { createDataLayer, type DataLayerOptions, defineTable } from 'meridian';
import { type Cache, createCache, type LoaderCall, type RedisClient } from 'meridian/cache';
import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import type { tables } from '../support/tables.ts';

interface User {
  readonly name: string;
}

declare const cache: Cache<User>;
declare const options: DataLayerOptions<typeof tables>;
const base = { redis: false, namespace: 'users', ttlMs: 1_000 } as const;

describe('redis', () => {
  test('is any client of ioredis 5 or 6, a URL, or none', () => {
    expectTypeOf<Redis>().toExtend<RedisClient>();
    expectTypeOf<Cluster>().toExtend<RedisClient>();
    expectTypeOf<Redis5>().toExtend<RedisClient>();
    expectTypeOf<Cluster5>().toExtend<RedisClient>();
    for (const redis of [new Redis(), new Cluster([]), new Redis5(), new Cluster5([])]) {
      createCache({ ...base, redis });
      createDataLayer({ ...options, redis });
      createDataLayer({ ...options, redis: { eu: redis } });
    }
    createCache({ ...base, redis: 'redis://localhost' });
    // @ts-expect-error undefined would switch the cache off unnoticed
    createCache({ ...base, redis: undefined });
    // @ts-expect-error a port says too little
    createCache({ ...base, redis: 6379 });
    // @ts-expect-error not every object is a client
    createCache({ ...base, redis: new Map() });
  });
});

describe('a cache', () => {
  test('gives what its loader may give, or null', async () => {
    expectTypeOf(
      await cache.get('ada', async () => ({ name: 'Ada' })),
    ).toEqualTypeOf<User | null>();
    expectTypeOf(await cache.get('ada', async () => null)).toEqualTypeOf<User | null>();
    expectTypeOf(await cache.getMany([], async () => [])).toEqualTypeOf<(User | null)[]>();
    expectTypeOf(cache.peek('ada')).toEqualTypeOf<User | null | undefined>();
    expectTypeOf(cache.invalidate('ada', 'bob')).resolves.toEqualTypeOf<'done' | 'pending'>();
    cache.get('ada', async (call) => {
      expectTypeOf(call).toEqualTypeOf<LoaderCall>();
      return null;
    });
    // @ts-expect-error a loader gives users
    cache.get('ada', async () => ({ title: 'Dr' }));
    // @ts-expect-error a loader that has nothing says null
    cache.get('ada', async () => undefined);
    // @ts-expect-error a loader gives a promise
    cache.get('ada', () => ({ name: 'Ada' }));
    // @ts-expect-error a key is text
    cache.get(7, async () => null);
    // @ts-expect-error keys are given one by one
    cache.invalidate(['ada']);
  });

  test('takes the options that there are', () => {
    createCache<User>({ ...base, version: ({ name }) => name.length, memory: false });
    createCache<User>({ ...base, decode: (value) => (value === 1 ? { name: 'Ada' } : undefined) });
    // @ts-expect-error how long a value lives in memory is not said apart
    createCache({ ...base, memoryTtlMs: 5 });
    // @ts-expect-error memory is there or not
    createCache({ ...base, memory: 'no' });
    // @ts-expect-error a version is a number
    createCache<User>({ ...base, version: ({ name }) => name });
    // @ts-expect-error a cache has a time to live
    createCache({ redis: false, namespace: 'users' });
    // @ts-expect-error a call has no such option
    cache.get('ada', async () => null, { staleMs: 5 });
  });
});

describe("a table's policy", () => {
  const table = {
    name: 'users',
    keyspace: 'people',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid(), revision: z.int() }),
  } as const;

  test('names a column of the table as its version', () => {
    defineTable({ ...table, cache: { ttlMs: 5, version: 'revision' } });
    // @ts-expect-error there is no column 'revison'
    defineTable({ ...table, cache: { ttlMs: 5, version: 'revison' } });
    const { keyspace: _, ...anywhere } = table;
    const places = { ...anywhere, reference: true } as const;
    defineTable({ ...places, cache: { ttlMs: 5, version: 'revision' } });
    // @ts-expect-error there is no column 'revison'
    defineTable({ ...places, cache: { ttlMs: 5, version: 'revison' } });
  });

  test('has no options but its own', () => {
    defineTable({ ...table, cache: { ttlMs: 5, memory: false, jitter: 0, shadowRate: 0.01 } });
    // @ts-expect-error how long a row lives in memory is not said apart
    defineTable({ ...table, cache: { ttlMs: 5, memoryTtlMs: 5 } });
    // @ts-expect-error memory is there or not
    defineTable({ ...table, cache: { ttlMs: 5, memory: 'no' } });
    // @ts-expect-error rooms are shared by all tables of a data layer
    defineTable({ ...table, cache: { ttlMs: 5, loadConcurrency: 5 } });
    createDataLayer({ ...options, cache: { loadsPerShard: 2, loadQueue: 3, maxGapMs: 500 } });
    // @ts-expect-error a data layer has no such option
    createDataLayer({ ...options, cache: { memoryTtlMs: 5 } });
  });
});
