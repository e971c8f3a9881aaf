import { ClosedError, TimeoutError } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountOn, failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let proxy: ChaosProxy;
let opened: Opened<typeof tables>;
let account: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  const { proxy: before, url } = await cluster.proxy('tx-1');
  proxy = before;
  opened = await cluster.open({
    topology: cluster.topology({ 'tx-1': url }),
    pool: { connections: 2 },
    breaker: { failures: 1_000 },
  });
  account = accountOn('tx-1', opened.data.transactions);
});

afterAll(() => cluster.stop());

afterEach(() => proxy.heal());

beforeEach(() => cluster.sql('tx-1', 'DELETE FROM transactions').then(() => undefined));

const shard = () => opened.data.transactions.at(account);
const cents = async () =>
  (await cluster.sql('tx-1', 'SELECT cents FROM transactions ORDER BY cents')).map((row) =>
    Number(row.cents),
  );
const row = (value: bigint) => ({ account_id: account, cents: value });

describe('a transaction whose function does not await its statements', () => {
  it('is rolled back as a whole', async () => {
    const error = await failureOf(
      shard().transaction(async (trx) => {
        await trx.transactions.insert(row(1n));
        void trx.transactions.insert(row(2n));
        void trx.transactions.insert(row(3n));
      }),
    );
    expect(error).toBeInstanceOf(ClosedError);
    expect(error).toMatchObject({ outcome: 'not-applied' });
    expect(await cents()).toEqual([]);
  });

  it('is not cut in half where one of them follows another', async () => {
    let helper: Promise<unknown> = Promise.resolve();
    const error = await failureOf(
      shard().transaction(async (trx) => {
        helper = (async () => {
          for (const value of [1n, 2n, 3n]) await trx.transactions.insert(row(value));
        })().catch((reason: unknown) => reason);
        return 'done';
      }),
    );
    expect(error).toBeInstanceOf(ClosedError);
    expect(await helper).toBeInstanceOf(ClosedError);
    expect(await cents()).toEqual([]);
  });

  it('leaves a connection that the next transaction can use', async () => {
    for (let turn = 0; turn < 4; turn++) {
      const work = shard().transaction(async (trx) => {
        void trx.transactions.insert(row(1n));
      });
      expect(await failureOf(work)).toBeInstanceOf(ClosedError);
    }
    await shard().transaction((trx) => trx.transactions.insert(row(4n)));
    expect(await cents()).toEqual([4]);
  });
});

it('a transaction in a network that swallows everything ends by its deadline, not by that of its rollback', async () => {
  const settled: string[] = [];
  let longer: Promise<unknown> = Promise.resolve();
  const error = await failureOf(
    shard().transaction(
      async (trx) => {
        await trx.transactions.insert(row(1n));
        proxy.blackHole();
        longer = failureOf(shard().query('SELECT 1', [], { timeoutMs: 1_500 })).then(() =>
          settled.push('longer'),
        );
        await trx.query('SELECT 1');
      },
      { timeoutMs: 300 },
    ),
  );
  settled.push('transaction');
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ outcome: 'not-applied', context: { shard: 'tx-1' } });
  await longer;
  expect(settled).toEqual(['transaction', 'longer']);
  proxy.heal();
  await eventually(() => shard().transaction((trx) => trx.transactions.insert(row(5n))), {
    timeout: 10_000,
  });
  expect(await cents()).toEqual([5]);
});

it('a transaction whose function hangs in such a network tells its shard as well', async () => {
  const error = await failureOf(
    shard().transaction(
      async (trx) => {
        await trx.transactions.insert(row(1n));
        proxy.blackHole();
        await new Promise(() => {});
      },
      { timeoutMs: 300 },
    ),
  );
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ outcome: 'not-applied', context: { shard: 'tx-1' } });
  proxy.heal();
  await eventually(() => shard().transaction((trx) => trx.transactions.insert(row(6n))), {
    timeout: 10_000,
  });
  expect(await cents()).toEqual([6]);
});
