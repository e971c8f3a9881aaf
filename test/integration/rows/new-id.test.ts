import { type DataLayer, ResidencyError, RoutingError, RowError } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { createGroupTables, group } from '../../support/tables/groups.ts';
import { tables } from '../../support/tables.ts';

const offered = { ...group, transactions: tables.transactions };
let cluster: TestCluster;
let data: DataLayer<typeof offered>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createGroupTables(cluster);
  ({ data } = await cluster.openWith(offered));
});

afterAll(() => cluster.stop());

const ada = { country: 'DE', name: 'Ada' };

it('an owner and rows of its group begin in one transaction, or none of them', async () => {
  const begin = async (id: string, text: string | null) =>
    data.users.at(id).transaction(async (trx) => {
      await trx.users.insert({ ...ada, id });
      if (text === null) throw new Error('changed its mind');
      await trx.notes.insert({ owner: id, text, at: new Date() });
    });
  const [id, other] = [data.users.newId(ada), data.users.newId(ada)];
  expect(await data.users.get(id)).toBeNull();
  await begin(id, 'hello');
  await expect(begin(other, null)).rejects.toThrow('changed its mind');
  expect(await data.users.get(id)).toMatchObject(ada);
  expect(await data.notes.at(id).list()).toMatchObject([{ owner: id, text: 'hello' }]);
  expect(await data.users.get(other, { consistency: 'primary' })).toBeNull();
});

it('names the place that the row has, and no id twice', () => {
  const { users, transactions } = data;
  expect(users.explain(users.newId(ada))).toMatchObject({ shard: 'eu-1' });
  expect(users.explain(users.newId({ ...ada, country: 'US' }))).toMatchObject({ shard: 'us-1' });
  const ids = Array.from({ length: 1_000 }, () => users.newId(ada));
  expect(new Set(ids).size).toBe(1_000);
  const { slot } = transactions.explain('account-1');
  const id = transactions.newId({ account_id: 'account-1', cents: 1n });
  expect(transactions.explain(id).slot).toBe(slot);
});

it('keeps the id that a row brings', () => {
  const id = data.users.newId(ada);
  expect(data.users.newId({ ...ada, id })).toBe(id);
});

it('refuses what insert would refuse', async () => {
  const bad = { country: 'Deutschland', name: 'Ada' };
  const nowhere = { country: 'ZZ', name: 'Ada' };
  const german = data.users.newId(ada);
  for (const row of [bad, nowhere, { ...ada, id: german, country: 'US' }]) {
    const refused = await failureOf(data.users.insert(row));
    expect(refused).toSatisfy(
      (error) =>
        error instanceof RowError ||
        error instanceof RoutingError ||
        error instanceof ResidencyError,
    );
    expect(() => data.users.newId(row)).toThrow(String(Object(refused).message));
  }
});
