import type { TopologyDocument } from 'meridian';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, shardNames, TestCluster } from '../../support/cluster.ts';

let cluster: TestCluster;
let other: LocalCluster;

beforeAll(async () => {
  [cluster, other] = await Promise.all([
    TestCluster.start(),
    startLocalCluster({ shards: [], redis: true }),
  ]);
});
afterAll(() => Promise.all([cluster.stop(), other.stop()]));

/** All that the databases have on record, but for who uses which Redis now. */
async function onRecord(): Promise<unknown[]> {
  const found = shardNames.map(async (shard) => [
    await cluster.sql(shard, 'SELECT slots FROM meridian_identity'),
    await cluster.sql(
      shard,
      "SELECT fact, value FROM meridian_facts WHERE fact NOT LIKE 'redis/used/%' ORDER BY fact",
    ),
  ]);
  return Promise.all(found);
}

it('a service that is refused for its Redis leaves nothing on record', async () => {
  const { data } = await cluster.open();
  const before = await onRecord();
  const error = await failureOf(
    cluster.open({
      redis: other.redis.url,
      topology: { ...cluster.topology(), epoch: 2 },
      idempotency: { keepMs: 864_000_000 },
    }),
  );
  expect(error).toMatchObject({
    code: 'MERIDIAN_CONFIG',
    message: expect.stringContaining('This is another Redis'),
  });
  expect(await onRecord()).toEqual(before);
  await data.close();
});

/** The ledger's slots the other way round: right while it holds no row. */
function swapped(): TopologyDocument {
  const document = cluster.topology();
  const slots = { 'tx-1': '8192-16383', 'tx-2': '0-8191' };
  const shards = ['tx-1', 'tx-2'];
  const ledger = { code: 2, strategy: 'hash' as const, shards, slots };
  return { ...document, epoch: 3, keyspaces: { ...document.keyspaces, ledger } };
}

it('a service that is refused for its Redis does not record other slots of an empty keyspace', async () => {
  const { data } = await cluster.open();
  const before = await onRecord();
  const error = await failureOf(cluster.open({ redis: other.redis.url, topology: swapped() }));
  expect(String(error)).toContain('This is another Redis');
  expect(await onRecord()).toEqual(before);
  await data.close();
});

it('a service that is refused for a column does not record other slots of an empty keyspace', async () => {
  const { data } = await cluster.open();
  await cluster.sql('eu-1', 'ALTER TABLE users ADD extra INT NOT NULL');
  const before = await onRecord();
  expect(String(await failureOf(cluster.open({ topology: swapped() })))).toContain('extra');
  expect(await onRecord()).toEqual(before);
  await cluster.sql('eu-1', 'ALTER TABLE users DROP extra');
  await data.close();
});

it('a service that fits records other slots of an empty keyspace, and goes on with them', async () => {
  const { data } = await cluster.open({ topology: swapped() });
  const row = await data.transactions.insert({ account_id: 'a', cents: 1n });
  expect(await data.transactions.get(row.id)).toEqual(row);
  await data.close();
});
