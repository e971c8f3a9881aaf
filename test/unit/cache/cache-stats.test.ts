import type { MeridianEvent } from 'meridian';
import { cacheStats } from 'meridian/cache';
import { expect, it } from 'vitest';

function reportOf(...events: MeridianEvent[]) {
  const stats = cacheStats();
  for (const event of events) stats.observe(event);
  return stats.report();
}

const read = (result: 'memory' | 'redis' | 'miss' | 'stale' | 'bypass', keys: number) =>
  ({ type: 'cache', table: 'users', result, keys }) as const;

it('is empty before the first event, and takes no notice of what is not of caches', () => {
  const empty = { tables: {}, gaps: 0, faults: 0, pendingInvalidations: 0 };
  expect(reportOf()).toEqual(empty);
  expect(reportOf({ type: 'scatter', keyspace: 'people', shards: 2 })).toEqual(empty);
});

it('adds up reads by where they were answered, and says which part each tier took', () => {
  const { tables } = reportOf(
    read('memory', 1),
    read('memory', 5),
    read('redis', 3),
    read('miss', 1),
    read('stale', 2),
    read('bypass', 7),
    { ...read('miss', 4), table: 'orders' },
  );
  expect(Object.keys(tables)).toEqual(['users', 'orders']);
  expect(tables.users).toMatchObject({ memory: 6, redis: 3, miss: 1, stale: 2, bypass: 7 });
  expect(tables.users?.memoryRatio).toBeCloseTo(0.6);
  expect(tables.users?.redisRatio).toBeCloseTo(0.75);
  expect(tables.orders).toMatchObject({ miss: 4, memoryRatio: 0, redisRatio: 0 });
});

it('counts loads, those that failed, and waits, with their times', () => {
  const load = { type: 'cache-load', table: 'users', keys: 2 } as const;
  const { tables } = reportOf(
    { ...load, durationMs: 5, outcome: 'done' },
    { ...load, durationMs: 20, outcome: 'failed' },
    { ...load, durationMs: 10, outcome: 'done' },
    { type: 'cache-wait', table: 'users', keys: 1, durationMs: 8 },
  );
  expect(tables.users?.loads).toEqual({ count: 3, failed: 1, totalMs: 35, longestMs: 20 });
  expect(tables.users?.waits).toEqual({ count: 1, totalMs: 8, longestMs: 8 });
});

it('tells how consistent the compared reads were, and how old the stale ones', () => {
  const compared = { type: 'cache-shadow', table: 'users' } as const;
  const { tables } = reportOf(
    { ...compared, outcome: 'same', ageMs: 1 },
    { ...compared, outcome: 'same', ageMs: 1 },
    { ...compared, outcome: 'stale', ageMs: 10 },
    { ...compared, outcome: 'stale', ageMs: 10_000_000 },
    { ...compared, outcome: 'failed', ageMs: 1 },
  );
  const shadow = tables.users?.shadow;
  expect(shadow).toMatchObject({ compared: 4, stale: 2, consistency: 0.5 });
  expect(shadow?.staleness.filter(({ count }) => count > 0)).toEqual([
    { upToMs: 10, count: 1 },
    { upToMs: Number.POSITIVE_INFINITY, count: 1 },
  ]);
  expect(reportOf(read('miss', 1)).tables.users?.shadow.consistency).toBe(1);
});

it('counts gaps and faults, and what Redis has yet to be told, by queue', () => {
  const told = { type: 'cache-invalidation', keys: 1 } as const;
  const report = reportOf(
    { type: 'cache-gap', redis: 'redis', reason: 'closed' },
    { type: 'cache-fault', operation: 'get', message: 'late' },
    { type: 'cache-fault', operation: 'get', message: 'late' },
    { ...told, queue: 'users', state: 'pending', queued: 5 },
    { ...told, queue: 'orders', state: 'pending', queued: 2 },
    { ...told, queue: 'users', state: 'recovered', queued: 1 },
  );
  expect(report).toMatchObject({ gaps: 1, faults: 2, pendingInvalidations: 3 });
});
