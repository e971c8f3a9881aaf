import { getEventListeners } from 'node:events';
import { AbortedError, ConfigError, OverloadError, TimeoutError } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
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
    pool: { connections: 1, queue: 2, connectTimeoutMs: 300 },
    breaker: { failures: 1_000 },
  });
  account = accountOn('tx-1', opened.data.transactions);
});

afterAll(() => cluster.stop());

const shard = () => opened.data.transactions.at(account);
const usable = () =>
  eventually(
    async () => expect(await shard().query("SELECT 'one' AS one")).toEqual([{ one: 'one' }]),
    {
      timeout: 5_000,
    },
  );

afterEach(async () => {
  proxy.heal();
  await usable();
});

it('a running read that times out changed nothing, and its statement is killed', async () => {
  await usable();
  const error = await failureOf(shard().query('SELECT SLEEP(1000)', [], { timeoutMs: 50 }));
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ outcome: 'not-applied', context: { phase: 'sent' } });
  await eventually(async () => expect(await cluster.running('tx-1', '%SLEEP%')).toBe(0));
});

it('a running write that times out is unknown', async () => {
  const row = await opened.data.transactions.insert({ account_id: account, cents: 1n });
  const error = await failureOf(
    shard().execute(
      'UPDATE transactions SET cents = 2 WHERE id = ? AND SLEEP(1000) = 0',
      [row.id],
      {
        timeoutMs: 50,
        touches: 'none',
      },
    ),
  );
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ outcome: 'unknown', retryable: false });
  await eventually(async () => expect(await cluster.running('tx-1', '%SLEEP%')).toBe(0));
  expect(await opened.data.transactions.get(row.id)).toMatchObject({ cents: 1n });
});

it('a write that waits for a connection till its time is over was not applied', async () => {
  const controller = new AbortController();
  const holder = failureOf(shard().query('SELECT SLEEP(1000)', [], { signal: controller.signal }));
  await eventually(async () => expect(await cluster.running('tx-1', '%SLEEP%')).toBe(1));
  const error = await failureOf(
    opened.data.transactions.insert({ account_id: account, cents: 1n }, { timeoutMs: 30 }),
  );
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ outcome: 'not-applied', context: { phase: 'queued' } });
  controller.abort();
  expect(await holder).toBeInstanceOf(AbortedError);
});

it('a call beyond the queue is refused at once', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const held = Array.from({ length: 3 }, () =>
    failureOf(shard().query('SELECT SLEEP(1000)', [], { signal })),
  );
  await eventually(async () => expect(await cluster.running('tx-1', '%SLEEP%')).toBe(1));
  const error = await failureOf(shard().query('SELECT 1'));
  expect(error).toBeInstanceOf(OverloadError);
  expect(error).toMatchObject({ outcome: 'not-applied', retryable: true });
  controller.abort();
  for (const one of await Promise.all(held)) expect(one).toBeInstanceOf(AbortedError);
});

it('a transaction that times out in its body is rolled back', async () => {
  const error = await failureOf(
    shard().transaction(
      async (trx) => {
        await trx.transactions.insert({ account_id: account, cents: 77n });
        await new Promise(() => {});
      },
      { timeoutMs: 50 },
    ),
  );
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ outcome: 'not-applied' });
  await usable();
  expect(await cluster.sql('tx-1', 'SELECT id FROM transactions WHERE cents = 77')).toEqual([]);
});

it('a network that swallows everything is a timeout, and the pool recovers', async () => {
  const hole = proxy.blackHole();
  const read = await failureOf(shard().query('SELECT 1', [], { timeoutMs: 100 }));
  expect(read).toBeInstanceOf(TimeoutError);
  const write = await failureOf(
    opened.data.transactions.insert({ account_id: account, cents: 5n }, { timeoutMs: 100 }),
  );
  expect(write).toBeInstanceOf(TimeoutError);
  hole.undo();
  await usable();
});

it('refuses a timeout that no timer can hold, and a call that is over before it begins', async () => {
  for (const timeoutMs of [0, -1, Number.NaN, 2 ** 31]) {
    expect(await failureOf(shard().query('SELECT 1', [], { timeoutMs }))).toBeInstanceOf(
      ConfigError,
    );
  }
  const signal = AbortSignal.abort(new Error('mine'));
  const error = await failureOf(
    opened.data.transactions.insert({ account_id: account, cents: 88n }, { signal }),
  );
  expect(error).toBeInstanceOf(AbortedError);
  expect(error).toMatchObject({ outcome: 'not-applied', cause: { message: 'mine' } });
  expect(await cluster.sql('tx-1', 'SELECT id FROM transactions WHERE cents = 88')).toEqual([]);
});

it('leaves no listener on a signal that lives on', async () => {
  const { signal } = new AbortController();
  await shard().query('SELECT 1', [], { signal });
  await failureOf(shard().query('SELECT nope', [], { signal }));
  for await (const _ of shard().stream('SELECT 1', [], { signal }));
  await shard().transaction(async () => {}, { signal });
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
