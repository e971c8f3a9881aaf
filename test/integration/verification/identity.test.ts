import { randomUUID } from 'node:crypto';
import { ConfigError, createDataLayer, defineTable, type TopologyDocument } from 'meridian';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, shardNames, TestCluster } from '../../support/cluster.ts';
import { tables } from '../../support/tables.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});

afterAll(() => cluster.stop());

/** Every database is new again. */
beforeEach(async () => {
  for (const shard of shardNames) {
    await cluster.sql(shard, 'DROP TABLE IF EXISTS meridian_identity, meridian_facts');
    await cluster.sql(shard, `DELETE FROM ${shard.startsWith('tx') ? 'transactions' : 'users'}`);
  }
});

async function start(
  topology: TopologyDocument = cluster.topology(),
  systemTables: 'create' | 'verify' = 'create',
): Promise<void> {
  const { data } = await cluster.open({ topology, systemTables, redis: false });
  await data.close();
}

async function refusal(topology: TopologyDocument, systemTables?: 'verify'): Promise<string> {
  const error = await failureOf(start(topology, systemTables));
  expect(error).toBeInstanceOf(ConfigError);
  return error instanceof ConfigError ? error.message : '';
}

/** The ledger with one shard less, as it was before tx-2 was bought. */
function smaller(): TopologyDocument {
  const { shards, keyspaces, ...rest } = cluster.topology();
  const { 'tx-2': _, ...others } = shards;
  return {
    ...rest,
    shards: others,
    keyspaces: { ...keyspaces, ledger: { code: 2, strategy: 'hash', shards: ['tx-1'] } },
  };
}

const row = `INSERT INTO transactions VALUES ('${randomUUID()}', 'a', 1)`;

it('the first use records who each database is, and the next one finds it', async () => {
  await start();
  await start(cluster.topology(), 'verify');
  const recorded = await Promise.all(
    shardNames.map(
      async (shard) => (await cluster.sql(shard, 'SELECT * FROM meridian_identity'))[0],
    ),
  );
  expect(recorded.map((one) => one?.shard_name)).toEqual(shardNames);
  expect(new Set(recorded.map((one) => one?.system_id)).size).toBe(1);
});

it('two swapped URLs are refused', async () => {
  await start();
  const swapped = cluster.topology({ 'tx-1': cluster.url('tx-2'), 'tx-2': cluster.url('tx-1') });
  const message = await refusal(swapped);
  expect(message).toMatch(/shards\.tx-1\.primary: .*'tx-2'.*swapped/);
  expect(message).toMatch(/shards\.tx-2\.primary: .*'tx-1'.*swapped/);
});

it('a shard added to a keyspace that holds rows is refused', async () => {
  await start(smaller());
  await cluster.sql('tx-1', row);
  expect(await refusal(cluster.topology())).toMatch(/keyspaces\.ledger: 'tx-1' holds rows/);
  await start(smaller());
});

it('a shard taken from a keyspace that holds rows is refused', async () => {
  await start();
  await cluster.sql('tx-1', row);
  expect(await refusal(smaller())).toMatch(/keyspaces\.ledger\.shards: leaves out shard 'tx-2'/);
});

it('another weight is refused while there are rows', async () => {
  await start();
  await cluster.sql('tx-2', row);
  const heavier = cluster.topology();
  const shard = heavier.shards['tx-1'];
  if (shard !== undefined) shard.weight = 3;
  expect(await refusal(heavier)).toMatch(/keyspaces\.ledger/);
});

it('a shard added to an empty keyspace is taken in with a higher epoch', async () => {
  await start(smaller());
  const larger = { ...cluster.topology(), epoch: 2 };
  await start(larger);
  await start(larger, 'verify');
});

it('rows of a reference table live in no slot, so a keyspace with nothing else is empty', async () => {
  const units = defineTable({
    name: 'units',
    reference: true,
    primaryKey: 'code',
    schema: z.object({ code: z.string() }),
  });
  for (const shard of shardNames) {
    await cluster.sql(shard, 'CREATE TABLE units (code VARCHAR(9) PRIMARY KEY)');
    await cluster.sql(shard, "INSERT INTO units VALUES ('kg')");
  }
  await start(smaller());
  expect(await refusal(cluster.topology())).toMatch(/keyspaces\.ledger: 'tx-1' holds rows/);
  await cluster.openWith({ units }, { topology: { ...cluster.topology(), epoch: 2 } });
  for (const shard of shardNames) await cluster.sql(shard, 'DROP TABLE units');
});

it('a database of another system is refused', async () => {
  await start();
  await cluster.sql('us-1', 'UPDATE meridian_identity SET system_id = ?', [randomUUID()]);
  expect(await refusal(cluster.topology())).toMatch(/two different systems/);
});

it("'verify' prints the DDL which, when run, lets it start", async () => {
  await start();
  for (const shard of shardNames) await cluster.sql(shard, 'DROP TABLE meridian_identity');
  const error = await failureOf(start(cluster.topology(), 'verify'));
  if (!(error instanceof ConfigError)) throw error;
  expect(error.problems.map(({ path }) => path)).toEqual(
    shardNames.map((shard) => `shards.${shard}.primary`),
  );
  for (const [index, shard] of shardNames.entries()) {
    const [, ...statements] = (error.problems[index]?.message ?? '').split(/run:\n|;\n|;$/);
    for (const statement of statements.filter(Boolean)) {
      await cluster.sql(shard, statement);
    }
  }
  await start(cluster.topology(), 'verify');
});

it('processes that start at once on fresh databases agree, in whatever order they list shards', async () => {
  const listed = cluster.topology();
  const reversed = cluster.topology();
  reversed.shards = Object.fromEntries(Object.entries(reversed.shards).reverse());
  reversed.keyspaces = Object.fromEntries(
    Object.entries(reversed.keyspaces)
      .reverse()
      .map(([name, keyspace]) => [name, { ...keyspace, shards: [...keyspace.shards].reverse() }]),
  );
  for (let turn = 0; turn < 5; turn++) {
    for (const shard of shardNames)
      await cluster.sql(shard, 'DROP TABLE IF EXISTS meridian_identity, meridian_facts');
    await Promise.all([listed, reversed, listed, reversed].map((topology) => start(topology)));
    await start(listed, 'verify');
    await start(reversed, 'verify');
  }
});

it('a replica that belongs to another shard is refused', async () => {
  await start();
  const wrong = cluster.topology();
  const { 'us-1': other, ...shards } = wrong.shards;
  const { 'eu-1': home } = shards;
  if (home === undefined || other === undefined) throw new TypeError('both are there');
  // us-1 is out of the topology, but its database is listed as a replica of eu-1.
  home.replicas = [other.primary];
  const topology: TopologyDocument = {
    ...wrong,
    regions: { eu: { code: 1, location: [50.1, 8.7], countries: ['DE', 'FR', 'US'] } },
    shards: Object.fromEntries(
      Object.entries(shards).map(([name, shard]) => [name, { ...shard, region: 'eu' }]),
    ),
    keyspaces: { ...wrong.keyspaces, people: { code: 1, strategy: 'geo', shards: ['eu-1'] } },
  };
  expect(await refusal(topology)).toMatch(/shards\.eu-1\.replicas\.0/);
});

it('a refused start leaves no connection behind', async () => {
  await start();
  await refusal(cluster.topology({ 'tx-1': cluster.url('tx-2'), 'tx-2': cluster.url('tx-1') }));
  const before = await connections();
  await failureOf(
    createDataLayer({
      topology: smaller(),
      tables: { transactions: tables.transactions, missing: { ...tables.users, name: 'missing' } },
      redis: false,
      logger: false,
    }),
  );
  expect(await connections()).toBe(before);
});

async function connections(): Promise<number> {
  const rows = await cluster.sql(
    'tx-1',
    'SELECT id FROM information_schema.processlist WHERE db IS NOT NULL AND id <> CONNECTION_ID()',
  );
  return rows.length;
}
