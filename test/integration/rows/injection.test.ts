import { type DataLayer, RoutingError } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let data: DataLayer<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data } = await cluster.open());
});

afterAll(() => cluster.stop());

const users = () => data.users;
const transactions = () => data.transactions;

it('texts of an attack are data', async () => {
  const attacks = ["'; DROP TABLE users; --", '" OR 1=1 --', "\\' OR ''='", '\u0000', '`', '%_'];
  for (const name of attacks) {
    const row = await users().insert({ country: 'DE', name });
    expect(await users().get(row.id, { consistency: 'primary' })).toEqual(row);
    const found = await users()
      .at(row.id)
      .query('SELECT COUNT(*) AS n FROM users WHERE name = ?', [name]);
    expect(found).toEqual([{ n: '1' }]);
  }
  const { id } = await users().insert({ country: 'DE', name: 'Ada' });
  const patch = JSON.parse('{"name` = 1 -- ":"x"}');
  expect(await failureOf(users().update(id, patch))).toMatchObject({
    code: 'MERIDIAN_ROW_INVALID',
  });
  expect(await failureOf(transactions().get("' OR 1=1 --"))).toBeInstanceOf(RoutingError);
  const two = users().at(id).query('SELECT 1; DROP TABLE users');
  expect(await failureOf(two)).toMatchObject({ code: 'MERIDIAN_ROUTING' });
});
