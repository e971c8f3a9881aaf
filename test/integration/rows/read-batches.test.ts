import { defineTable } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { accountOn, failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let proxy: ChaosProxy;
let opened: Opened<typeof tables>;
let ids: string[];

beforeAll(async () => {
  cluster = await TestCluster.start();
  const { proxy: before, url } = await cluster.proxy('tx-1');
  proxy = before;
  opened = await cluster.open({ topology: cluster.topology({ 'tx-1': url }) });
  const account = accountOn('tx-1', opened.data.transactions);
  const rows = await opened.data.transactions.insertMany(
    Array.from({ length: 40 }, (_, index) => ({ account_id: account, cents: BigInt(index) })),
  );
  ids = rows.map(({ id }) => id);
});

afterAll(() => cluster.stop());

const get = (id: string | undefined, options = {}) =>
  opened.data.transactions.get(id ?? 'none', options);

async function batchesOf(work: () => Promise<unknown>): Promise<number[]> {
  const from = opened.events.length;
  await work();
  return opened.events
    .slice(from)
    .flatMap((event) => (event.type === 'read-batch' ? [event.keys] : []));
}

it('the reads of one tick travel together, each with its own answer', async () => {
  const batches = await batchesOf(async () => {
    const rows = await Promise.all(ids.map((id) => get(id)));
    expect(rows.map((row) => row?.cents)).toEqual(ids.map((_, index) => BigInt(index)));
  });
  expect(batches.reduce((sum, keys) => sum + keys, 0)).toBe(40);
  expect(batches.length).toBeLessThanOrEqual(2);
});

it('the same key asked twice in a tick is asked once of the server', async () => {
  const batches = await batchesOf(async () => {
    const [first, second] = await Promise.all([get(ids[0]), get(ids[0]), get(ids[1])]);
    expect(first).toEqual(second);
  });
  expect(batches.reduce((sum, keys) => sum + keys, 0)).toBeLessThanOrEqual(3);
});

it('one caller leaves, the others get their rows', async () => {
  const late = proxy.latency(50);
  const controller = new AbortController();
  const reads = ids
    .slice(0, 5)
    .map((id, index) => get(id, index === 2 ? { signal: controller.signal } : {}));
  const impatient = get(ids[7], { timeoutMs: 5 });
  const left = failureOf(reads[2] ?? Promise.resolve());
  const timedOut = failureOf(impatient);
  const newest = () =>
    opened.events.findLast(({ type }) => type !== 'statement' && type !== 'acquire')?.type;
  await eventually(() => expect(newest()).toBe('read-batch'));
  controller.abort();
  expect(await left).toMatchObject({ code: 'MERIDIAN_ABORTED', outcome: 'not-applied' });
  expect(await timedOut).toMatchObject({ code: 'MERIDIAN_TIMEOUT', outcome: 'not-applied' });
  const rows = await Promise.all(reads.filter((_, index) => index !== 2));
  expect(rows.map((row) => row?.cents)).toEqual([0n, 1n, 3n, 4n]);
  late.undo();
});

it('the statement is killed when all of its callers have left', async () => {
  const hold = await lockTable();
  const controller = new AbortController();
  const reads = ids.slice(0, 3).map((id) => failureOf(get(id, { signal: controller.signal })));
  const waiting = () => cluster.running('tx-1', 'SELECT%IN (%');
  await eventually(async () => expect(await waiting()).toBeGreaterThan(0));
  controller.abort();
  for (const error of await Promise.all(reads)) {
    expect(error).toMatchObject({ code: 'MERIDIAN_ABORTED' });
  }
  await eventually(async () => expect(await waiting()).toBe(0));
  await hold.release();
  expect(await get(ids[0])).toMatchObject({ cents: 0n });
});

/** Makes every read of the table wait. */
async function lockTable(): Promise<{ release(): Promise<void> }> {
  const { createConnection } = await import('mysql2/promise');
  const connection = await createConnection(cluster.cluster.shards['tx-1'].primary.adminUrl);
  await connection.query('LOCK TABLES transactions WRITE');
  return { release: () => connection.end() };
}

it('keys that SQL compares otherwise are asked for one by one', async () => {
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(shard, 'CREATE TABLE words (word VARCHAR(50) PRIMARY KEY) CHARSET utf8mb4');
  }
  const words = defineTable({
    name: 'words',
    keyspace: 'ledger',
    primaryKey: 'word',
    schema: z.object({ word: z.string() }),
  });
  const { data, events } = await cluster.openWith({ words });
  await data.words.insertMany(['ada', 'bob', 'eve'].map((word) => ({ word })));
  const wanted = ['ada', 'ADA', 'bob', 'eve'];
  const rows = await Promise.all(wanted.map((word) => data.words.get(word)));
  expect(rows.map((row) => row?.word)).toEqual(['ada', undefined, 'bob', 'eve']);
  const batches = events.flatMap((event) => (event.type === 'read-batch' ? [event.keys] : []));
  expect(batches).toEqual([1, 1, 1, 1]);
});

it('a row that can not be read fails its own caller only', async () => {
  const pets = defineTable({
    name: 'pets',
    keyspace: 'ledger',
    primaryKey: 'id',
    schema: z.object({ id: z.int(), legs: z.int().max(4) }),
  });
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(shard, 'CREATE TABLE pets (id INT PRIMARY KEY, legs INT NOT NULL)');
  }
  const { data } = await cluster.openWith({ pets });
  const keys = Array.from({ length: 20 }, (_, index) => index);
  await data.pets.insertMany(keys.map((id) => ({ id, legs: 4 })));
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(shard, 'UPDATE pets SET legs = 8 WHERE id = 7');
  }
  const results = await Promise.allSettled(keys.map((id) => data.pets.get(id)));
  expect(results.flatMap(({ status }, id) => (status === 'rejected' ? [id] : []))).toEqual([7]);
});
