import mysql, { type Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountOn, failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { numbers } from '../../support/tables/numbers.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let root: Connection;
let opened: Opened<typeof tables>;
let account: string;
let id: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await cluster.sql('tx-1', 'SET GLOBAL innodb_lock_wait_timeout = 1');
  root = await mysql.createConnection(cluster.cluster.shards['tx-1'].primary.adminUrl);
  opened = await cluster.open({
    pool: { connections: 1 },
    timeoutMs: 20_000,
    retry: { attempts: 10, baseMs: 1, maxMs: 2 },
    breaker: { failures: 1 },
  });
  account = accountOn('tx-1', opened.data.transactions);
  ({ id } = await opened.data.transactions.insert({ account_id: account, cents: 1n }));
});

afterAll(async () => {
  root.destroy();
  await cluster.sql('tx-1', 'SET GLOBAL innodb_lock_wait_timeout = 50');
  await cluster.stop();
});

const shard = () => opened.data.transactions.at(account);
const add = 'UPDATE transactions SET cents = cents + 1 WHERE id = ?';
const addOne = () => shard().execute(add, [id], { touches: 'none' });
const cents = async () => (await opened.data.transactions.get(id))?.cents;
const retries = () => opened.events.filter(({ type }) => type === 'retry').length;

it('a write that did not get its lock had no effect: it is run again, applied once, and trips no breaker', async () => {
  await root.query('BEGIN');
  await root.query('SELECT * FROM transactions WHERE id = ? FOR UPDATE', [id]);
  const written = addOne();
  await eventually(() => expect(retries()).toBe(1), { timeout: 5_000 });
  await root.query('ROLLBACK');
  expect(await written).toMatchObject({ affected: 1 });
  expect(await cents()).toBe(2n);
});

it('a write that somebody killed is not run again', async () => {
  const before = retries();
  await root.query('BEGIN');
  await root.query('SELECT * FROM transactions WHERE id = ? FOR UPDATE', [id]);
  const written = failureOf(addOne());
  await killWhenRunning('UPDATE transactions%');
  expect(await written).toMatchObject({
    code: 'MERIDIAN_ROLLED_BACK',
    retryable: false,
    outcome: 'not-applied',
    context: { errno: 1317 },
  });
  await root.query('ROLLBACK');
  expect(retries()).toBe(before);
  expect(await cents()).toBe(2n);
});

it('a transaction in which a statement was killed commits nothing, even if it swallows that', async () => {
  const endless = `SELECT COUNT(*) FROM ${numbers(6)}, ${numbers(6, 'others')}`;
  const work = failureOf(
    shard().transaction(async (trx) => {
      await trx.transactions.insert({ account_id: account, cents: 50n });
      await failureOf(trx.query(endless));
    }),
  );
  await killWhenRunning('SELECT COUNT%');
  expect(await work).toMatchObject({ code: 'MERIDIAN_ROLLED_BACK', outcome: 'not-applied' });
  expect(await cluster.sql('tx-1', 'SELECT id FROM transactions WHERE cents = 50')).toEqual([]);
});

/** Until it is over: one that is only just beginning may not hear of it. */
async function killWhenRunning(pattern: string): Promise<void> {
  let wasSeen = false;
  await eventually(async () => {
    const [row] = await cluster.sql(
      'tx-1',
      'SELECT id FROM information_schema.processlist WHERE info LIKE ? AND id <> CONNECTION_ID()',
      [pattern],
    );
    if (row !== undefined) {
      wasSeen = true;
      await root.query(`KILL QUERY ${row.id}`);
    }
    expect(wasSeen && row === undefined).toBe(true);
  });
}
