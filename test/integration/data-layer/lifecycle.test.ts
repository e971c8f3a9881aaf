import { Redis } from 'ioredis';
import { ClosedError } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountOn, failureOf, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});

afterAll(() => cluster.stop());

it('close lets what is under way finish, and refuses the rest', async () => {
  const { data } = await cluster.open();
  const account = accountOn('tx-1', data.transactions);
  const shard = data.transactions.at(account);
  const running = shard.transaction(async (trx) => {
    await trx.query('SELECT SLEEP(0.2)');
    return trx.transactions.insert({ account_id: account, cents: 1n });
  });
  await eventually(async () => expect(await cluster.running('tx-1', '%SLEEP%')).toBe(1));
  const closed = data.close();
  expect(data.close()).toBe(closed);
  const refused = [
    data.transactions.get((await running).id),
    data.transactions.getMany([(await running).id]),
    data.transactions.insert({ account_id: account, cents: 2n }),
    data.transactions.insertMany([{ account_id: account, cents: 2n }]),
    shard.query('SELECT 1'),
    shard.execute('DELETE FROM transactions', [], { touches: 'none', scope: 'shard' }),
    shard.transaction(async () => {}),
    shard.stream('SELECT 1').next(),
    data.transactions.everywhere.each('SELECT 1'),
    data.users.get('018f3c5e-1111-7222-8333-444455556666').catch((error) => {
      throw error;
    }),
  ];
  for (const work of refused.slice(0, -1))
    expect(await failureOf(work)).toBeInstanceOf(ClosedError);
  await failureOf(refused.at(-1) ?? Promise.resolve());
  await closed;
  expect(await cluster.sql('tx-1', 'SELECT cents FROM transactions')).toEqual([{ cents: '1' }]);
  await data.close();
});

it('close leaves the connection of a Redis client that is the caller’s own', async () => {
  const redis = new Redis(cluster.redisUrl);
  const { data } = await cluster.open({ redis });
  const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
  await data.users.get(ada.id);
  await data.close();
  expect(await redis.ping()).toBe('PONG');
  redis.disconnect();
});

it('a written row is committed, also on a server that does not commit by itself', async () => {
  await cluster.sql('tx-1', 'SET GLOBAL autocommit = 0');
  const { data } = await cluster.open();
  const account = accountOn('tx-1', data.transactions);
  const row = await data.transactions.insert({ account_id: account, cents: 42n });
  await cluster.sql('tx-1', 'SET GLOBAL autocommit = 1');
  expect(await cluster.sql('tx-1', 'SELECT id FROM transactions WHERE cents = 42')).toEqual([
    { id: row.id },
  ]);
});

it('many different texts do not use up the prepared statements of a server', async () => {
  await cluster.sql('tx-1', 'SET GLOBAL max_prepared_stmt_count = 1000');
  const { data } = await cluster.open({ pool: { connections: 2 } });
  const shard = data.transactions.at(accountOn('tx-1', data.transactions));
  for (let turn = 0; turn < 1_200; turn += 50) {
    const texts = Array.from({ length: 50 }, (_, index) => `SELECT ${turn + index} AS n`);
    const rows = await Promise.all(texts.map((text) => shard.query(text)));
    expect(rows.flat()).toHaveLength(50);
  }
  await cluster.sql('tx-1', 'SET GLOBAL max_prepared_stmt_count = 16382');
});

it('a temporary table can not leak to whoever uses the connection next', async () => {
  const { data } = await cluster.open();
  const shard = data.transactions.at(accountOn('tx-1', data.transactions));
  for (const sql of [
    'CREATE TEMPORARY TABLE leak (a INT)',
    'create /* x */ temporary table leak (a INT)',
    'CREATE OR REPLACE TEMPORARY TABLE leak (a INT)',
  ]) {
    const work = shard.execute(sql, [], { touches: 'none' });
    expect(await failureOf(work)).toMatchObject({ code: 'MERIDIAN_ROUTING' });
  }
});

it('its tables are one object as well, and so is what operators use', async () => {
  const { data } = await cluster.open();
  expect(data.tables).toEqual({ users: data.users, transactions: data.transactions });
  expect(data.tables.users).toBe(data.users);
  expect(Object.isFrozen(data.tables) && Object.isFrozen(data.admin)).toBe(true);
  const { directory, idempotency, placement, relocations } = data;
  const { reload } = data.admin;
  expect(data.admin).toEqual({ directory, idempotency, placement, relocations, reload });
  expect((await data.admin.placement()).complete).toBe(true);
});
