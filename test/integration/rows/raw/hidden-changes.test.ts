import { type DataLayer, RoutingError } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountOn, failureOf, TestCluster } from '../../../support/cluster.ts';
import { isMariadb } from '../../../support/servers/server-flavor.ts';
import type { tables } from '../../../support/tables.ts';

/** What a read runs without a word of it: stored functions, and views that call them. */

const ledger = ['tx-1', 'tx-2'] as const;
let cluster: TestCluster;
let data: DataLayer<typeof tables>;
let account: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of ledger) {
    for (const statement of [
      'CREATE TABLE side (n INT)',
      'INSERT INTO side VALUES (0)',
      `CREATE FUNCTION draw() RETURNS INT MODIFIES SQL DATA
         BEGIN INSERT INTO side VALUES (1); RETURN 7; END`,
      `CREATE FUNCTION silent() RETURNS INT DETERMINISTIC
         BEGIN INSERT INTO side VALUES (1); RETURN 7; END`,
      'CREATE FUNCTION doubled(x INT) RETURNS INT DETERMINISTIC RETURN x * 2',
      'CREATE VIEW drawn AS SELECT draw() AS n FROM side',
      "CREATE USER seer@'%' IDENTIFIED BY 'seer-Pw1'",
      "GRANT ALL ON app.* TO seer@'%'",
      isMariadb
        ? "GRANT SELECT ON mysql.proc TO seer@'%'"
        : "GRANT SHOW_ROUTINE ON *.* TO seer@'%'",
      // Not all rights: newer servers have one for definitions among them.
      "CREATE USER blind@'%' IDENTIFIED BY 'blind-Pw1'",
      "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, EXECUTE, TRIGGER, SHOW VIEW ON app.* TO blind@'%'",
    ]) {
      await cluster.sql(shard, statement);
    }
  }
  ({ data } = await cluster.open({ topology: topologyOf('seer', 'seer-Pw1') }));
  account = accountOn('tx-1', data.transactions);
});

afterAll(async () => {
  for (const shard of ledger) {
    await cluster.sql(shard, "DROP USER IF EXISTS seer@'%', blind@'%'");
  }
  await cluster.stop();
});

function topologyOf(username: string, password: string) {
  const url = (shard: (typeof ledger)[number]) =>
    Object.assign(new URL(cluster.url(shard)), { username, password }).href;
  return cluster.topology({ 'tx-1': url('tx-1'), 'tx-2': url('tx-2') });
}

const changes = async () => {
  const [row] = await cluster.sql('tx-1', 'SELECT COUNT(*) - 1 AS n FROM side');
  return Number(row?.n);
};

it.each(['SELECT draw() AS n FROM side', 'SELECT silent() AS n FROM side', 'SELECT n FROM drawn'])(
  'refuses %s as a read, which may be sent twice',
  async (sql) => {
    const { everywhere } = data.transactions;
    const at = data.transactions.at(account);
    for (const work of [
      () => at.query(sql),
      () => at.stream(sql).next(),
      () => everywhere.query(sql),
      () => everywhere.each(sql),
      () => everywhere.stream(sql).next(),
    ]) {
      const error = await failureOf(work());
      expect(error, String(work)).toBeInstanceOf(RoutingError);
      expect(String(error)).toMatch(/stored function that changes something/);
    }
    expect(await changes()).toBe(0);
  },
);

it('runs them in a transaction, and what only reckons anywhere', async () => {
  const at = data.transactions.at(account);
  const drawn = at.transaction((trx) => trx.query('SELECT draw() AS n'));
  expect(await drawn).toEqual([{ n: 7 }]);
  expect(await changes()).toBe(1);
  await cluster.sql('tx-1', 'DELETE FROM side WHERE n = 1');
  expect(await at.query('SELECT doubled(4) AS n')).toEqual([{ n: 8 }]);
  const everywhere = await data.transactions.everywhere.query('SELECT doubled(n) AS n FROM side');
  expect(everywhere).toEqual([{ n: 0 }, { n: 0 }]);
});

it('says at the start whose definitions it may not see, and goes by what they say of themselves', async () => {
  const topology = topologyOf('blind', 'blind-Pw1');
  const { data: blind, events } = await cluster.open({ topology });
  expect(events.filter(({ type }) => type === 'definitions-unseen')).toEqual([
    {
      type: 'definitions-unseen',
      shards: { 'tx-1': 3, 'tx-2': 3 },
      triggers: [],
    },
  ]);
  const at = blind.transactions.at(account);
  expect(await failureOf(at.query('SELECT draw() AS n'))).toBeInstanceOf(RoutingError);
  expect(await at.query('SELECT doubled(4) AS n')).toEqual([{ n: 8 }]);
  const reckoned = blind.transactions.everywhere.query('SELECT doubled(n) AS n FROM side');
  expect(await failureOf(reckoned)).toMatchObject({ code: 'MERIDIAN_MERGE' });
});
