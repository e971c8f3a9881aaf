import { defineTable } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import mysql from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';

const pets = defineTable({
  name: 'pets',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({ id: z.int(), legs: z.int() }),
});

let cluster: TestCluster;
let proxy: ChaosProxy;
let opened: Opened<{ pets: typeof pets }>;
/** Keys of tx-1, of which the first is never answered and the second makes the server refuse. */
let stuck: number;
let bad: number;
let keys: number[];

beforeAll(async () => {
  cluster = await TestCluster.start();
  const { proxy: before, url } = await cluster.proxy('tx-1');
  proxy = before;
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(shard, 'CREATE TABLE pets (id INT PRIMARY KEY, legs INT NOT NULL)');
  }
  opened = await cluster.openWith({ pets }, { topology: cluster.topology({ 'tx-1': url }) });
  const here = Array.from({ length: 200 }, (_, key) => key).filter(
    (key) => opened.data.pets.explain(key).shard === 'tx-1',
  );
  await opened.data.pets.insertMany(here.map((id) => ({ id, legs: 4 })));
  [stuck = -1, bad = -1, ...keys] = here;
  // Rows that behave as no row does by itself.
  await cluster.sql('tx-1', 'RENAME TABLE pets TO all_pets');
  await cluster.sql(
    'tx-1',
    `CREATE VIEW pets AS SELECT id, CASE id WHEN ${stuck} THEN SLEEP(60) ` +
      `WHEN ${bad} THEN (SELECT 1 UNION SELECT 2) ELSE legs END AS legs FROM all_pets`,
  );
});

afterEach(() => proxy.heal());
afterAll(() => cluster.stop());

const get = (key: number, options = {}) => opened.data.pets.get(key, options);
const sleeping = () => cluster.running('tx-1', 'SELECT%IN (%');

it('a statement that never returns holds up nobody behind it', async () => {
  const ending = new AbortController();
  const heads: Promise<unknown>[] = [];
  for (let head = 1; head <= 4; head++) {
    heads.push(failureOf(get(stuck, { signal: ending.signal })));
    await eventually(async () => expect(await sleeping()).toBe(head));
  }
  // One after the other, and many at once.
  for (const key of keys.slice(0, 10)) expect(await get(key, { timeoutMs: 2_000 })).not.toBeNull();
  const rows = await Promise.all(keys.map((key) => get(key, { timeoutMs: 2_000 })));
  expect(rows.map((row) => row?.id)).toEqual(keys);
  const many = await opened.data.pets.getMany(keys, { timeoutMs: 2_000 });
  expect(many.map((row) => row?.id)).toEqual(keys);
  ending.abort();
  for (const error of await Promise.all(heads))
    expect(error).toMatchObject({ code: 'MERIDIAN_ABORTED' });
  await eventually(async () => expect(await sleeping()).toBe(0));
});

it('a caller who travels with it leaves in its own time, the last one ends it', async () => {
  const started = performance.now();
  const ending = new AbortController();
  const all = [
    failureOf(get(stuck, { signal: ending.signal })),
    failureOf(get(keys[0] ?? -1, { timeoutMs: 150 })),
    failureOf(opened.data.pets.getMany(keys.slice(1, 4), { timeoutMs: 200 })),
  ];
  const [, one, many] = await Promise.all([undefined, all[1], all[2]]);
  expect(one).toMatchObject({ code: 'MERIDIAN_TIMEOUT', outcome: 'not-applied' });
  expect(many).toMatchObject({ code: 'MERIDIAN_TIMEOUT', outcome: 'not-applied' });
  expect(performance.now() - started).toBeLessThan(5_000);
  await eventually(async () => expect(await sleeping()).toBe(1));
  ending.abort();
  expect(await all[0]).toMatchObject({ code: 'MERIDIAN_ABORTED' });
  await eventually(async () => expect(await sleeping()).toBe(0));
});

it('a key that makes the statement fail fails its own caller only', async () => {
  const asked = [...keys.slice(0, 30), bad, ...keys.slice(30)];
  const many = opened.data.pets.getMany(keys.slice(0, 5));
  const answers = await Promise.allSettled(asked.map((key) => get(key)));
  expect(answers.flatMap(({ status }, at) => (status === 'rejected' ? [asked[at]] : []))).toEqual([
    bad,
  ]);
  expect(answers[30]).toMatchObject({ reason: { code: 'MERIDIAN_STATEMENT' } });
  expect((await many).map((row) => row?.id)).toEqual(keys.slice(0, 5));
});

it('a lost reply is asked for again', async () => {
  const dropped = proxy.dropReplyTo(/IN \(/);
  const answers = await Promise.all([
    ...keys.map((key) => get(key)),
    opened.data.pets.getMany(keys.slice(3, 9)),
  ]);
  await dropped.happened;
  expect(answers.slice(0, keys.length)).toEqual(keys.map((id) => ({ id, legs: 4 })));
  expect(answers.at(-1)).toEqual(keys.slice(3, 9).map((id) => ({ id, legs: 4 })));
});

it('after a KILL QUERY in the middle each gets what it would alone', async () => {
  const ending = new AbortController();
  const hanging = failureOf(get(stuck, { signal: ending.signal }));
  let answered = 0;
  const others = keys.slice(0, 5).map((key) => get(key).finally(() => answered++));
  const killed = await eventually(async () => {
    const some = await kill('QUERY');
    expect(some).toBeGreaterThan(0);
    return some;
  });
  expect(killed).toBe(1);
  // In halves then, until nobody travels with the one that hangs.
  await eventually(async () => {
    if (answered < others.length) await kill('QUERY');
    expect(answered).toBe(others.length);
  });
  expect((await Promise.all(others)).map((row) => row?.id)).toEqual(keys.slice(0, 5));
  ending.abort();
  expect(await hanging).toMatchObject({ code: 'MERIDIAN_ABORTED' });
});

it('after a KILL of the connection it is asked again', async () => {
  const admin = await mysql.createConnection(cluster.cluster.shards['tx-1'].primary.adminUrl);
  await admin.query('LOCK TABLES all_pets WRITE');
  const others = keys.slice(0, 5).map((key) => get(key));
  await eventually(async () => expect(await kill('CONNECTION')).toBe(1));
  await admin.end();
  expect((await Promise.all(others)).map((row) => row?.id)).toEqual(keys.slice(0, 5));
});

/** Kills the statements that ask for more than one key, and says how many there were. */
async function kill(what: 'QUERY' | 'CONNECTION'): Promise<number> {
  const admin = await mysql.createConnection(cluster.cluster.shards['tx-1'].primary.adminUrl);
  const [list] = await admin.query<mysql.RowDataPacket[]>('SHOW FULL PROCESSLIST');
  const batches = list.filter(({ Info }) => /SELECT.* IN \(\S+,/i.test(String(Info)));
  for (const { Id } of batches) await admin.query(`KILL ${what} ${Id}`);
  await admin.end();
  return batches.length;
}

it('10^6 keys in one call are read while others read too', async () => {
  const wanted = Array.from({ length: 1_000_000 }, (_, at) => 1_000 + at);
  wanted[123_456] = keys[0] ?? -1;
  let isDone = false;
  const many = opened.data.pets.getMany(wanted, { timeoutMs: 200_000 }).finally(() => {
    isDone = true;
  });
  let beside = 0;
  while (!isDone) {
    expect(await get(keys[beside % keys.length] ?? -1, { timeoutMs: 10_000 })).not.toBeNull();
    beside++;
  }
  const rows = await many;
  expect(rows.length).toBe(1_000_000);
  expect(rows.flatMap((row, at) => (row === null ? [] : [at]))).toEqual([123_456]);
  expect(beside).toBeGreaterThan(100);
}, 240_000);
