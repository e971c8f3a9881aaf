import { type CachePolicy, defineTable, type MeridianEvent } from 'meridian';
import mysql from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, type Opened, type OwnCluster, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';

/** A dead Redis must not become a dead database: loads have little room, writes have theirs. */

const schema = z.object({ id: z.uuid(), n: z.int() });
const counters = (cache: CachePolicy<'id' | 'n'>) => ({
  counters: defineTable({ name: 'counters', keyspace: 'ledger', primaryKey: 'id', schema, cache }),
});
type Counters = Opened<ReturnType<typeof counters>>;

const commandTimeoutMs = 200;
const limits = { commandTimeoutMs, loadsPerShard: 2, loadQueue: 3 };
let cluster: OwnCluster;
let locks: mysql.Connection | undefined;

beforeAll(async () => {
  cluster = await TestCluster.startOwn();
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE counters (id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
        n INT NOT NULL)`,
    );
    await cluster.sql(shard, 'CREATE TABLE others (id INT PRIMARY KEY)');
  }
});

afterAll(() => cluster.stop());
beforeEach(() => cluster.cluster.redis.resume());
afterEach(async () => {
  await locks?.end();
  locks = undefined;
});

/** The ids of rows on tx-1. */
async function insert({ data }: Counters, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const { id } = await data.counters.insert({ n: 1 });
    if (data.counters.explain(id).shard === 'tx-1') ids.push(id);
  }
  return ids;
}

/** Makes every read of the table wait, until the lock's connection ends. */
async function lockTable(): Promise<void> {
  locks = await mysql.createConnection(cluster.cluster.shards['tx-1'].primary.adminUrl);
  await locks.query('LOCK TABLES counters WRITE');
}

const unlockTable = async () => {
  await locks?.end();
  locks = undefined;
};

const fills = () => cluster.running('tx-1', 'SELECT%FROM%counters%');
const isDown = (event: MeridianEvent) => event.type === 'cache-link' && event.state === 'down';

/** Begins reads one after the other, each when the one before has left, so that each is a statement of its own. */
async function beginEach<T>(
  { events }: Counters,
  reads: readonly (() => Promise<T>)[],
): Promise<Promise<unknown>[]> {
  const departures = () => events.filter(({ type }) => type === 'read-batch').length;
  const begun: Promise<unknown>[] = [];
  for (const read of reads) {
    const before = departures();
    begun.push(read().catch((error: unknown) => error));
    await eventually(() => expect(departures()).toBe(before + 1), { interval: 2 });
  }
  return begun;
}

const getEach = (opened: Counters, ids: readonly string[], options = {}) =>
  beginEach(
    opened,
    ids.map((id) => () => opened.data.counters.get(id, options)),
  );

it('without Redis a shard is asked by so many loads at once, and writes get through', async () => {
  const opened = await cluster.openWith(counters({ ttlMs: 60_000 }), { cache: limits });
  const ids = await insert(opened, 9);
  await cluster.cluster.redis.pause();
  // The first notices, and is answered all the same; those after it do not wait for Redis.
  expect(await opened.data.counters.get(ids[0] ?? '')).toMatchObject({ n: 1 });
  expect(opened.events.some(isDown)).toBe(true);
  // One command was waited for, the look: no lease was asked for after it, and no fill.
  const waitedFor = opened.events.flatMap((event) =>
    event.type === 'cache-fault' ? [event.operation] : [],
  );
  expect(waitedFor).toContain('get');
  expect(waitedFor).not.toContain('lease');
  expect(waitedFor).not.toContain('fill');
  await lockTable();
  const gets = await getEach(opened, ids.slice(1));
  for (const error of await Promise.all(gets.slice(5)))
    expect(error).toMatchObject({ code: 'MERIDIAN_OVERLOAD' });
  await eventually(async () => expect(await fills()).toBe(2));
  const written = opened.data.counters
    .at(ids[0] ?? '')
    .execute('INSERT INTO others VALUES (1)', [], { touches: 'none', scope: 'shard' });
  expect(await written).toMatchObject({ affected: 1 });
  expect(await fills()).toBe(2);
  await unlockTable();
  for (const row of await Promise.all(gets.slice(0, 5))) expect(row).toMatchObject({ n: 1 });
});

it('the same for many keys in one call, which are one statement a shard', async () => {
  const opened = await cluster.openWith(counters({ ttlMs: 60_000 }), { cache: limits });
  const ids = await insert(opened, 12);
  await cluster.cluster.redis.pause();
  await eventually(() => expect(opened.events.some(isDown)).toBe(true), { timeout: 5_000 });
  await lockTable();
  const calls = await beginEach(
    opened,
    [0, 2, 4, 6, 8, 10].map(
      (from) => () => opened.data.counters.getMany(ids.slice(from, from + 2)),
    ),
  );
  expect(await calls[5]).toMatchObject({ code: 'MERIDIAN_OVERLOAD' });
  await eventually(async () => expect(await fills()).toBe(2));
  await unlockTable();
  for (const rows of await Promise.all(calls.slice(0, 5))) {
    expect(rows).toMatchObject([{ n: 1 }, { n: 1 }]);
  }
});

it('a row past its time stands in for a load that has no room', async () => {
  const policy = { ttlMs: 20, staleIfErrorMs: 60_000 };
  const opened = await cluster.openWith(counters(policy), { cache: limits });
  const ids = await insert(opened, 7);
  const old = ids[6] ?? '';
  expect(await opened.data.counters.get(old)).toMatchObject({ n: 1 });
  await cluster.cluster.redis.pause();
  await eventually(() => expect(opened.events.some(isDown)).toBe(true), { timeout: 5_000 });
  // Past Meridian, so that the old row is known by its number.
  await cluster.sql('tx-1', 'UPDATE counters SET n = 2 WHERE id = ?', [old]);
  await eventually(async () => expect(await opened.data.counters.get(old)).toMatchObject({ n: 2 }));
  await cluster.sql('tx-1', 'UPDATE counters SET n = 3 WHERE id = ?', [old]);
  await lockTable();
  const gets = await getEach(opened, ids.slice(0, 5));
  await eventually(async () => expect(await fills()).toBe(2));
  await eventually(() =>
    expect(opened.events.filter(({ type }) => type === 'read-batch')).not.toEqual([]),
  );
  const from = opened.events.length;
  const served = await eventually(async () => {
    const row = await opened.data.counters.get(old);
    const since = opened.events.slice(from);
    expect(since).toContainEqual(expect.objectContaining({ type: 'cache', result: 'stale' }));
    return row;
  });
  expect(served).toMatchObject({ n: 2 });
  expect(await failureOf(opened.data.counters.get(ids[5] ?? ''))).toMatchObject({
    code: 'MERIDIAN_OVERLOAD',
    outcome: 'not-applied',
    retryable: true,
  });
  await unlockTable();
  for (const row of await Promise.all(gets)) expect(row).toMatchObject({ n: 1 });
  await eventually(async () => expect(await opened.data.counters.get(old)).toMatchObject({ n: 3 }));
});

it('reads that pass by the cache need no room among the loads', async () => {
  const opened = await cluster.openWith(counters({ ttlMs: 60_000 }), { cache: limits });
  const ids = await insert(opened, 8);
  await cluster.cluster.redis.pause();
  await eventually(() => expect(opened.events.some(isDown)).toBe(true), { timeout: 5_000 });
  await lockTable();
  const reads = await getEach(opened, ids.slice(0, 4), { consistency: 'primary' });
  await eventually(async () => expect(await fills()).toBe(4));
  await unlockTable();
  for (const row of await Promise.all(reads)) expect(row).toMatchObject({ n: 1 });
});
