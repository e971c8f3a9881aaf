import { ConfigError, type DirectoryOptions, defineTable, type Table } from 'meridian';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, shardNames, TestCluster } from '../../support/cluster.ts';
import { tables } from '../../support/tables.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of ['eu-1', 'us-1'] as const) {
    await cluster.sql(
      shard,
      'CREATE TABLE addresses (id BINARY(16) PRIMARY KEY, user_id BINARY(16) NOT NULL, city VARCHAR(50) NOT NULL, KEY (user_id))',
    );
  }
});

afterAll(() => cluster.stop());

/** No service has said anything yet. */
beforeEach(async () => {
  for (const shard of shardNames) {
    await cluster.sql(shard, 'DROP TABLE IF EXISTS meridian_facts');
  }
});

const { users, transactions } = tables;
const uncached = defineTable({
  name: 'users',
  keyspace: 'people',
  primaryKey: 'id',
  place: (user) => ({ country: user.country }),
  schema: users.schema,
  columns: { id: 'uuid-binary' },
});
const addresses = defineTable({
  name: 'addresses',
  group: users,
  ownerKey: 'user_id',
  primaryKey: 'id',
  schema: z.object({ id: z.uuid(), user_id: z.uuid(), city: z.string() }),
  columns: { id: 'uuid-binary', user_id: 'uuid-binary' },
});

async function refusal(own: Record<string, Table>, overrides = {}): Promise<string> {
  const error = await failureOf(cluster.openWith(own, overrides));
  expect(error).toBeInstanceOf(ConfigError);
  return error instanceof ConfigError ? error.message : '';
}

it('A7: a writer that does not declare the cache of another service is refused', async () => {
  await cluster.openWith({ users });
  expect(await refusal({ users: uncached })).toMatch(
    /tables\.users\.cache: .* is 'none' here, but shard 'eu-1' has 'redis meridian' on record/,
  );
});

it('A7: a cache beside writers that do not know of it is refused, until an operator says that they are gone', async () => {
  await cluster.openWith({ users: uncached });
  const message = await refusal({ users });
  expect(message).toMatch(/'redis meridian' here, but .* has 'none' on record/);
  const [cure] = /DELETE FROM meridian_facts WHERE fact = '[^']+'/.exec(message) ?? [''];
  for (const shard of ['eu-1', 'us-1'] as const) await cluster.sql(shard, cure);
  await cluster.openWith({ users });
});

it('A7: two services whose caches would not hear of each other are refused', async () => {
  await cluster.openWith({ users });
  expect(await refusal({ users }, { cache: { namespace: 'other' } })).toMatch(/'redis other' here/);
  expect(await refusal({ users }, { redis: false })).toMatch(/'memory' here/);
});

it('A7: services whose caches keep rows for other times share a table', async () => {
  await cluster.openWith({ users });
  await cluster.openWith({ users: { ...users, cache: { ttlMs: 5_000 } } });
});

it('A7: services that place rows of one table in different ways are refused', async () => {
  await cluster.openWith({ transactions });
  const other = defineTable({
    name: 'transactions',
    keyspace: 'ledger',
    primaryKey: 'id',
    schema: transactions.schema,
  });
  expect(await refusal({ transactions: other })).toMatch(
    /'by id' here, but .* has 'by account_id' on record/,
  );
});

it('A7: a service that leaves out a lookup of another is refused', async () => {
  const directory: DirectoryOptions = { keyspace: 'ledger', keys: ['k'.repeat(32)] };
  const named = defineTable({
    name: 'users',
    keyspace: 'people',
    primaryKey: 'id',
    place: (user) => ({ country: user.country }),
    schema: users.schema,
    columns: { id: 'uuid-binary' },
    cache: { ttlMs: 60_000 },
    lookups: { name: { unique: true } },
  });
  await cluster.openWith({ users });
  await cluster.openWith({ users: named }, { directory });
  expect(await refusal({ users })).toMatch(/tables\.users\.lookups: leaves out 'name'/);
  const plain = { ...named, lookups: { name: { unique: true, personal: false } } } as const;
  expect(await refusal({ users: plain }, { directory })).toMatch(
    /'plain in ledger' here, but .* has 'personal in ledger'/,
  );
});

it('A8: services with different directory keys are refused, and a change of the key in its steps is not', async () => {
  const named = { ...users, lookups: { name: { unique: true } } } as const;
  const [old, next] = ['o'.repeat(32), 'n'.repeat(32)];
  const start = (...keys: [string, ...string[]]) =>
    cluster.openWith({ users: named }, { directory: { keyspace: 'ledger', keys } });
  const message = async (...keys: [string, ...string[]]) => {
    const error = await failureOf(start(...keys));
    expect(error).toBeInstanceOf(ConfigError);
    return error instanceof ConfigError ? error.message : '';
  };
  const { data: first } = await start(old);
  await first.users.insert({ country: 'DE', name: 'Ada' });
  const other = await message(next);
  expect(other).toMatch(/directory\.keys: .*lookups\.name lacks the key '[0-9a-f]{8}'/);
  expect(other).not.toContain(next);
  expect(await message(next, old)).toMatch(/put '[0-9a-f]{8}' after it in all services/);
  const { data: both } = await start(old, next);
  await both.users.backfill('name');
  await start(next, old);
  await start(old, next);
  await start(next, old);
  const { data: last } = await start(next);
  expect(await last.users.by('name', 'Ada').get()).toMatchObject({ name: 'Ada' });
  expect(await message(old, next)).toMatch(/begins with/);
});

it('A8: a service that keeps idempotency keys for a shorter time does not forget those of another', async () => {
  const idempotency = { keepMs: 7 * 86_400_000, sweepMs: 0 } as const;
  const { data: long } = await cluster.openWith({ transactions }, { idempotency });
  const row = { account_id: 'a', cents: 1n };
  const stored = await long.transactions.insert(row, { idempotencyKey: 'pay-1' });
  const { data: short } = await cluster.openWith(
    { transactions },
    { idempotency: { keepMs: 1_000, sweepMs: 0 } },
  );
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      'UPDATE meridian_idempotency SET settled_at = NOW(6) - INTERVAL 1 DAY',
    );
  }
  expect(await short.idempotency.sweep()).toEqual({ forgotten: 0 });
  const again = await short.transactions.insert(row, { idempotencyKey: 'pay-1' });
  expect(again.id).toBe(stored.id);
});

it('A9: an owner is not moved by a service that does not declare a table of its group', async () => {
  const { data: whole } = await cluster.openWith({ users, addresses });
  const ada = await whole.users.insert({ country: 'DE', name: 'Ada' });
  await whole.addresses.insert({ user_id: ada.id, city: 'Mainz' });
  const { data: part } = await cluster.openWith({ users });
  const error = await failureOf(part.users.relocate(ada.id, { country: 'US' }));
  expect(error).toMatchObject({ code: 'MERIDIAN_RELOCATION', reason: 'unfit' });
  expect(error).toMatchObject({ message: expect.stringContaining("'addresses'") });
  await whole.users.relocate(ada.id, { country: 'US' });
  expect(await whole.addresses.at(ada.id).list()).toHaveLength(1);
});

it('T3: explain names the tables that are kept together', async () => {
  const { data } = await cluster.openWith({ users, addresses, transactions });
  const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
  expect(data.users.explain(ada.id).keptWith).toEqual(['users', 'addresses']);
  expect(data.addresses.explain(ada.id).keptWith).toEqual(['users', 'addresses']);
  expect(data.transactions.explain('a').keptWith).toEqual(['transactions']);
});

it('A18: a result that a repetition would be told otherwise is refused, and all is rolled back', async () => {
  const { data } = await cluster.openWith({ transactions });
  class Receipt {
    readonly cents = 1;
  }
  const at = data.transactions.at('receipts');
  const pay = (result: unknown) =>
    at.transaction(
      async (trx) => {
        await trx.transactions.insert({ account_id: 'receipts', cents: 1n });
        return result;
      },
      { idempotencyKey: 'receipt-1' },
    );
  for (const result of [new Receipt(), { deep: [new Receipt()] }, new URL('http://a')]) {
    expect(await failureOf(pay(result))).toMatchObject({ code: 'MERIDIAN_CONFIG' });
  }
  expect(await at.list()).toEqual([]);
  const plain = { at: new Date(0), cents: 1n, all: new Map([['a', new Set([1])]]) };
  expect(await pay(plain)).toEqual(plain);
  expect(await pay(plain)).toEqual(plain);
});
