import { defineTable } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { directoryKey } from '../../support/tables/members.ts';

const accounts = defineTable({
  name: 'accounts',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({ id: z.bigint(), email: z.string().trim().optional() }),
  cache: { ttlMs: 60_000 },
  lookups: { email: { unique: true, normalize: (email) => email.toLowerCase() } },
});

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(shard, 'CREATE TABLE accounts (id BIGINT PRIMARY KEY, email VARCHAR(90))');
  }
});

afterAll(() => cluster.stop());

it('rows with keys of their own share a keyspace, and one connection, with the directory', async () => {
  const { data } = await cluster.openWith(
    { accounts },
    { pool: { connections: 1 }, directory: { keyspace: 'ledger', keys: [directoryKey] } },
  );
  const ids = Array.from({ length: 20 }, (_, index) => 9_007_199_254_740_993n + BigInt(index));
  await Promise.all(ids.map((id) => data.accounts.insert({ id, email: ` ${id}@Example.org ` })));
  for (const id of ids) {
    expect(await data.accounts.by('email', `${id}@example.ORG`).get()).toEqual({
      id,
      email: `${id}@Example.org`,
    });
  }
  const [first = 0n, second = 0n] = ids;
  const taken = data.accounts.update(first, { email: `  ${second}@EXAMPLE.org` });
  expect(await failureOf(taken)).toMatchObject({ context: { lookup: 'email' } });
  await data.accounts.update(first, { email: undefined });
  await data.accounts.update(second, { email: ` ${first}@example.org ` });
  expect(await data.accounts.by('email', `${first}@example.org`).get()).toMatchObject({
    id: second,
  });
  expect(await data.accounts.backfill('email')).toEqual({
    scanned: 20,
    entered: 0,
    duplicates: [],
    invalid: [],
  });
});
