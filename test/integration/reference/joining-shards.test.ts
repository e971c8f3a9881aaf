import { defineTable, type TopologyDocument } from 'meridian';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, shardNames, TestCluster } from '../../support/cluster.ts';
import { ddl, tables } from '../../support/tables.ts';

const rates = defineTable({
  name: 'rates',
  reference: true,
  primaryKey: 'code',
  schema: z.object({ code: z.string(), cents: z.int() }),
  cache: { ttlMs: 60_000 },
});
const own = { ...tables, rates };

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of shardNames) {
    await cluster.sql(
      shard,
      'CREATE TABLE rates (code VARCHAR(20) COLLATE utf8mb4_bin PRIMARY KEY, cents INT NOT NULL)',
    );
  }
  for (const statement of ddl.people) await cluster.sql('tx-2', statement);
});
afterAll(() => cluster.stop());

beforeEach(async () => {
  await cluster.forgetFacts();
  for (const shard of shardNames) await cluster.sql(shard, 'DELETE FROM rates');
  for (const shard of ['eu-1', 'us-1', 'tx-2'] as const)
    await cluster.sql(shard, 'DELETE FROM users');
  await cluster.sql('tx-2', 'DROP TABLE IF EXISTS meridian_identity');
});

/** Without the shard that is to join. */
function before(epoch: number): TopologyDocument {
  const { shards, keyspaces, ...document } = cluster.topology();
  const { 'tx-2': _joining, ...others } = shards;
  const ledger = { code: 2, strategy: 'hash' as const, shards: ['tx-1'] };
  return { ...document, epoch, shards: others, keyspaces: { ...keyspaces, ledger } };
}

/** A third region joins, whose shard is the first by name. */
function after(epoch: number): TopologyDocument {
  const { shards, regions, keyspaces, ...document } = before(epoch);
  const people = { code: 1, strategy: 'geo' as const, shards: ['eu-1', 'us-1', 'ap-1'] };
  return {
    ...document,
    regions: { ...regions, ap: { code: 3, location: [1.3, 103.8], countries: ['SG'] } },
    shards: { ...shards, 'ap-1': { region: 'ap', primary: cluster.url('tx-2') } },
    keyspaces: { ...keyspaces, people },
  };
}

async function centsOf(code: string): Promise<unknown[]> {
  const found = shardNames.map((shard) =>
    cluster.sql(shard, 'SELECT cents FROM rates WHERE code = ?', [code]),
  );
  return (await Promise.all(found)).map(([row]) => row?.cents);
}

it('a process on an older topology writes no reference row past a shard that has joined', async () => {
  const { data: old } = await cluster.openWith(own, { topology: before(1) });
  await old.rates.put({ code: 'EUR', cents: 1 });
  await cluster.sql('tx-2', "INSERT INTO rates VALUES ('EUR', 1)");
  const { data: fresh } = await cluster.openWith(own, { topology: after(2) });
  for (const write of [old.rates.put({ code: 'EUR', cents: 2 }), old.rates.delete('EUR')]) {
    expect(await failureOf(write)).toMatchObject({
      code: 'MERIDIAN_ROUTING',
      outcome: 'not-applied',
      message: expect.stringContaining('Start this process with the newest topology'),
    });
  }
  expect(await centsOf('EUR')).toEqual([1, 1, 1, 1]);
  await fresh.rates.put({ code: 'EUR', cents: 3 });
  expect(await centsOf('EUR')).toEqual([3, 3, 3, 3]);
  await Promise.all([old.close(), fresh.close()]);
});

it('a write that is under way is over on all shards before one that has joined is on record', async () => {
  const { data: old } = await cluster.openWith(own, { topology: before(1) });
  const rival = await mysql.createConnection(cluster.url('us-1'));
  await rival.query('BEGIN');
  await rival.query("INSERT INTO rates VALUES ('USD', 0)");
  const put = old.rates.put({ code: 'USD', cents: 5 });
  await expect.poll(() => cluster.running('us-1', 'insert into `rates`%')).toBe(1);
  let started = false;
  const fresh = cluster.openWith(own, { topology: after(2) }).then((opened) => {
    started = true;
    return opened.data;
  });
  await expect.poll(() => cluster.running('eu-1', 'update meridian_facts%')).toBe(1);
  expect(started).toBe(false);
  await rival.query('ROLLBACK');
  await rival.end();
  expect((await put).results.map(({ outcome }) => outcome)).toEqual(Array(3).fill('applied'));
  await (await fresh).close();
  await old.close();
});

it('of two lists of shards with one epoch the second is refused', async () => {
  const { data } = await cluster.openWith(own, { topology: before(1) });
  const refusal = await failureOf(cluster.openWith(own, { topology: after(1) }));
  expect(String(refusal)).toContain('Raise the epoch with every shard that joins or leaves');
  await data.close();
});

it('an epoch that is raised for other reasons keeps nobody from writing', async () => {
  const { data: old } = await cluster.openWith(own, { topology: before(1) });
  const { data: fresh } = await cluster.openWith(own, { topology: before(2) });
  await old.rates.put({ code: 'GBP', cents: 1 });
  await fresh.rates.put({ code: 'GBP', cents: 2 });
  expect(await old.rates.get('GBP')).toMatchObject({ cents: 2 });
  await Promise.all([old.close(), fresh.close()]);
});

it('everywhere of a process on an older topology does not leave out a region that has joined', async () => {
  const { data: old } = await cluster.openWith(own, { topology: before(1) });
  await old.users.insert({ country: 'DE', name: 'Ada' });
  const names = () => old.users.everywhere.query('SELECT name FROM users');
  expect(await names()).toEqual([{ name: 'Ada' }]);
  const { data: fresh } = await cluster.openWith(own, { topology: after(2) });
  await fresh.users.insert({ country: 'SG', name: 'Lee' });
  expect(await failureOf(names())).toMatchObject({
    code: 'MERIDIAN_ROUTING',
    message: expect.stringContaining("Shard 'ap-1' has joined keyspace 'people'"),
  });
  const found = await fresh.users.everywhere.query('SELECT name FROM users');
  expect(found.map(({ name }) => name).sort()).toEqual(['Ada', 'Lee']);
  // What names its place goes on.
  await old.users.insert({ country: 'DE', name: 'Bea' });
  await Promise.all([old.close(), fresh.close()]);
});
