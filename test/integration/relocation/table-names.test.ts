import { defineTable } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { TestCluster } from '../../support/cluster.ts';

const owners = defineTable({
  name: 'Größen',
  keyspace: 'people',
  primaryKey: 'id',
  place: (owner) => ({ country: owner.country }),
  schema: z.object({ id: z.uuid(), country: z.string() }),
});
const orders = defineTable({
  name: "Aufträge 'neu'",
  group: owners,
  ownerKey: 'owner',
  primaryKey: 'id',
  schema: z.object({ id: z.uuid(), owner: z.uuid(), text: z.string() }),
});
const quoted = "`Aufträge 'neu'`";
const shards = ['eu-1', 'us-1'] as const;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of shards) {
    await cluster.sql(
      shard,
      'CREATE TABLE `Größen` (id CHAR(36) PRIMARY KEY, country CHAR(2) NOT NULL)',
    );
    await cluster.sql(
      shard,
      `CREATE TABLE ${quoted} (id CHAR(36) PRIMARY KEY, owner CHAR(36) NOT NULL, text VARCHAR(99) NOT NULL, KEY (owner))`,
    );
  }
});

afterAll(() => cluster.stop());

it('owners move there and back whatever their tables are named', async () => {
  const { data } = await cluster.openWith({ owners, orders }, { redis: false });
  const owner = await data.owners.insert({ country: 'DE' });
  const order = await data.orders.insert({ owner: owner.id, text: 'a' });
  for (const country of ['US', 'DE', 'US']) {
    expect(await data.owners.relocate(owner.id, { country })).toMatchObject({ rows: 2 });
    expect(await data.orders.get(order.id)).toEqual(order);
    expect(await data.owners.get(owner.id)).toEqual({ ...owner, country });
  }
  expect(await data.relocations.sweep()).toMatchObject({ finished: 0, reversed: 0 });
  expect(await cluster.sql('us-1', `SELECT id FROM ${quoted}`)).toHaveLength(1);
  expect(await cluster.sql('eu-1', `SELECT id FROM ${quoted}`)).toHaveLength(0);
});
