import { ConfigError, MergeError, RoutingError } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let opened: Opened<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  opened = await cluster.open();
  await opened.data.transactions.insertMany(
    [1n, 2n, 3n, 4n].map((cents) => ({ account_id: `account-${cents}`, cents })),
  );
});

afterAll(() => cluster.stop());

const everywhere = () => opened.data.transactions.everywhere;

it.each([
  'SELECT cents FROM transactions ORDER BY cents LIMIT 2 OFFSET 1',
  'SELECT cents FROM transactions ORDER BY cents limit 2 offset 1',
  'SELECT cents FROM transactions ORDER BY cents LIMIT 1, 2',
  'SELECT cents FROM transactions ORDER BY cents LIMIT\n1 ,2',
  'SELECT cents FROM transactions ORDER BY cents LIMIT /* skip */ 1, 2',
  'SELECT cents FROM transactions ORDER BY cents LIMIT 1 /* skip */, 2',
])('rows skipped on each shard are not those of the whole: %s', async (sql) => {
  expect(await failureOf(everywhere().query(sql))).toBeInstanceOf(MergeError);
  expect(await failureOf(everywhere().stream(sql).next())).toBeInstanceOf(MergeError);
});

it('an offset that is data skips nothing', async () => {
  const sql = "SELECT cents AS `offset`, 'LIMIT 1, 2' AS note FROM transactions -- no OFFSET";
  expect(await everywhere().query(sql)).toHaveLength(4);
});

it('an offset is fine on one shard', async () => {
  const rows = await opened.data.transactions
    .at('account-1')
    .query('SELECT id FROM transactions LIMIT 1 OFFSET 0');
  expect(rows).toHaveLength(1);
});

it.each(['Primary', 'session', ''])(
  'a read under an unknown consistency "%s" is not sent',
  async (text) => {
    const { users, transactions } = opened.data;
    const ada = await users.insert({ country: 'DE', name: 'Ada' });
    const options = { consistency: text as 'primary' };
    const from = opened.events.length;
    const at = transactions.at('account-1');
    for (const read of [
      () => users.get(ada.id, options),
      () => users.getMany([ada.id], options),
      () => at.query('SELECT no_such_column', [], options),
      () => at.stream('SELECT no_such_column', [], options).next(),
      () => everywhere().query('SELECT no_such_column FROM transactions', [], options),
      () => everywhere().stream('SELECT no_such_column FROM transactions', [], options).next(),
    ]) {
      // Had it been sent, the server would have refused the column.
      expect(await failureOf(read())).toBeInstanceOf(ConfigError);
    }
    const sent = opened.events.slice(from).filter(({ type }) => type === 'read-batch');
    expect(sent).toEqual([]);
  },
);

const shard = () => opened.data.transactions.at('account-1');

it('a procedure is refused before it is sent, and the refusal names transaction()', async () => {
  // Had it been sent, the server would have said that there is none.
  const call = await failureOf(
    shard().execute('CALL no_such_procedure()', [], { touches: 'none' }),
  );
  expect(call).toBeInstanceOf(RoutingError);
  expect(call).toMatchObject({ message: expect.stringMatching(/transaction\(\)/) });
});

it.each([
  "SELECT GET_LOCK('a', 0)",
  "SELECT `GET_LOCK`('a', 0)",
  'SELECT @x := 1',
  'SELECT 1 INTO @x',
  'SELECT 1 INTO@x',
])('a read that would outlive itself on the server is not sent: %s', async (sql) => {
  expect(await failureOf(shard().query(sql))).toBeInstanceOf(RoutingError);
  expect(await failureOf(everywhere().query(sql))).toBeInstanceOf(RoutingError);
  const inside = shard().transaction((trx) => trx.query(sql));
  expect(await failureOf(inside)).toBeInstanceOf(RoutingError);
});
