import { type DataLayer, RolledBackError, UnknownOutcomeError } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { accountOn, failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let proxy: ChaosProxy;
let opened: Opened<typeof tables>;
let data: DataLayer<typeof tables>;
let account: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  const { proxy: before, url } = await cluster.proxy('tx-1');
  proxy = before;
  opened = await cluster.open({ topology: cluster.topology({ 'tx-1': url }) });
  data = opened.data;
  account = accountOn('tx-1', data.transactions);
});

afterAll(() => cluster.stop());

beforeEach(() => cluster.sql('tx-1', 'DELETE FROM transactions').then(() => undefined));

const count = async () => {
  const [row] = await cluster.sql('tx-1', 'SELECT COUNT(*) AS n FROM transactions');
  return Number(row?.n);
};

const unknown = { code: 'MERIDIAN_UNKNOWN_OUTCOME', outcome: 'unknown', retryable: false };

it('a lost reply to COMMIT is unknown, and the body ran once', async () => {
  const dropped = proxy.dropNextCommitReply();
  let runs = 0;
  const error = await failureOf(
    data.transactions.at(account).transaction(async (trx) => {
      runs++;
      await trx.transactions.insert({ account_id: account, cents: 1n });
    }),
  );
  await dropped.happened;
  expect(error).toBeInstanceOf(UnknownOutcomeError);
  expect(error).toMatchObject(unknown);
  expect(runs).toBe(1);
  expect(await count()).toBe(1);
});

it('a lost reply to an INSERT is unknown, and the row is there once', async () => {
  const dropped = proxy.dropReplyTo(/^insert/i);
  const error = await failureOf(data.transactions.insert({ account_id: account, cents: 1n }));
  await dropped.happened;
  expect(error).toBeInstanceOf(UnknownOutcomeError);
  expect(error).toMatchObject(unknown);
  expect(await count()).toBe(1);
});

it('a lost reply to a raw UPDATE is unknown, and it was applied once', async () => {
  await data.transactions.insert({ account_id: account, cents: 1n });
  const dropped = proxy.dropReplyTo(/^update/i);
  const error = await failureOf(
    data.transactions
      .at(account)
      .execute('UPDATE transactions SET cents = cents + 1 WHERE account_id = ?', [account], {
        touches: 'none',
      }),
  );
  await dropped.happened;
  expect(error).toMatchObject(unknown);
  const [row] = await cluster.sql('tx-1', 'SELECT cents FROM transactions');
  expect(row?.cents).toBe('2');
});

it('a lost reply to a read is repeated, and nobody notices', async () => {
  const stored = await data.transactions.insert({ account_id: account, cents: 7n });
  const from = opened.events.length;
  const dropped = proxy.dropReplyTo(/^select/i);
  expect(await data.transactions.get(stored.id)).toEqual(stored);
  await dropped.happened;
  expect(opened.events.slice(from)).toContainEqual(
    expect.objectContaining({
      type: 'retry',
      code: 'MERIDIAN_UNAVAILABLE',
      endpoint: 'tx-1/primary',
    }),
  );
});

it('a connection lost inside the body rolls back, and the body is not run again', async () => {
  let runs = 0;
  const error = await failureOf(
    data.transactions.at(account).transaction(async (trx) => {
      runs++;
      await trx.transactions.insert({ account_id: account, cents: 1n });
      proxy.reset();
      await trx.transactions.insert({ account_id: account, cents: 2n });
    }),
  );
  expect(error).toMatchObject({ outcome: 'not-applied', retryable: true });
  expect(runs).toBe(1);
  expect(await count()).toBe(0);
});

it('a connection that was lost before COMMIT is a RolledBackError, and the body ran once', async () => {
  let runs = 0;
  const error = await failureOf(
    data.transactions.at(account).transaction(async (trx) => {
      runs++;
      await trx.transactions.insert({ account_id: account, cents: 1n });
      const gone = new Promise<void>((resolve) => {
        const poll = () => (proxy.connections === 0 ? resolve() : setImmediate(poll));
        poll();
      });
      proxy.reset();
      await gone;
      // The driver has to be told as well that its socket is closed.
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    }),
  );
  expect(error).toBeInstanceOf(RolledBackError);
  expect(runs).toBe(1);
  expect(await count()).toBe(0);
});

it('a body that swallows the loss of its connection can not report success', async () => {
  const error = await failureOf(
    data.transactions.at(account).transaction(async (trx) => {
      await trx.transactions.insert({ account_id: account, cents: 1n });
      proxy.reset();
      await trx.transactions.insert({ account_id: account, cents: 2n }).catch(() => undefined);
    }),
  );
  expect(error).toMatchObject({ outcome: 'not-applied' });
  expect(await count()).toBe(0);
});

it('a lost reply to BEGIN is repeated, because nothing was done yet', async () => {
  const dropped = proxy.dropReplyTo(/^begin/i);
  let runs = 0;
  const work = data.transactions.at(account).transaction(async (trx) => {
    runs++;
    await trx.transactions.insert({ account_id: account, cents: 1n });
  });
  await Promise.allSettled([work, dropped.happened]);
  const settled = await work.then(
    () => 'applied',
    (error: { outcome: string }) => error.outcome,
  );
  expect(runs).toBe(settled === 'applied' ? 1 : 0);
  expect(await count()).toBe(settled === 'applied' ? 1 : 0);
});
