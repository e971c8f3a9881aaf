import { ConfigError, StatementError } from 'meridian';
import { createCache } from 'meridian/cache';
import { createGuard } from 'meridian/resilience';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import type { tables } from '../../support/tables.ts';

/** What callers and operators of a data layer may get wrong, and what they are told. */

let cluster: TestCluster;
let opened: Opened<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  opened = await cluster.open();
});

afterAll(() => cluster.stop());

afterEach(() => {
  vi.restoreAllMocks();
});

it('C17: a mistyped option of any call is refused, also where memory holds the row', async () => {
  const { users, transactions } = opened.data;
  const ada = await users.insert({ country: 'DE', name: 'Ada' });
  await eventually(async () => {
    await users.get(ada.id);
    expect(opened.events.some((event) => event.type === 'cache' && event.result === 'memory')).toBe(
      true,
    );
  });
  const mistyped = Object.assign({ timeoutMs: 5_000 }, { consistensy: 'primary' });
  const calls = [
    users.get(ada.id, mistyped),
    users.getMany([ada.id], mistyped),
    users.update(ada.id, { name: 'Ada L.' }, mistyped),
    users.at(ada.id).query('SELECT 1', [], mistyped),
    transactions.insert({ account_id: 'a', cents: 1n }, mistyped),
    transactions.everywhere.query('SELECT id FROM transactions', [], mistyped),
    opened.data.placement(mistyped),
    opened.data.close(Object.assign({ timeoutMs: 5 }, { timeoutMS: 5 })),
  ];
  for (const call of calls) {
    const error = await failureOf(call);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toHaveProperty(
      'message',
      expect.stringMatching(/did you mean '(consistency|timeoutMs)'/),
    );
  }
  expect(await users.get(ada.id, { timeoutMs: 1_000 })).toMatchObject({ name: 'Ada' });
});

it('Z14: one signal on many calls of a data layer, a cache and a guard prints no warning', async () => {
  const warned = vi.spyOn(process, 'emitWarning');
  const controller = new AbortController();
  const { signal } = controller;
  const cache = createCache<number>({ redis: false, namespace: 'n', ttlMs: 60_000 });
  const guard = createGuard('stock');
  const many = Array.from({ length: 50 }, (_, at) => String(at));
  await Promise.all(
    many.flatMap((key): Promise<unknown>[] => [
      opened.data.transactions.at(key).query('SELECT 1', [], { signal }),
      cache.get(key, async () => 1, { signal }),
      guard.run(async () => 1, { signal }),
    ]),
  );
  const hanging = many.map((key) => cache.get(`h${key}`, () => new Promise(() => {}), { signal }));
  controller.abort();
  const ended = await Promise.all(hanging.map(failureOf));
  expect(ended.map((error) => error instanceof Error && error.name)).toEqual(
    many.map(() => 'AbortedError'),
  );
  expect(warned).not.toHaveBeenCalled();
  await cache.close();
});

it('C16: a logger that is none is refused, and one that throws ends nothing', async () => {
  const none = Object.assign({}, { logger: () => {} });
  const refused = await failureOf(Reflect.apply(cluster.open, cluster, [none]));
  expect(refused).toBeInstanceOf(ConfigError);
  expect(refused).toHaveProperty('message', expect.stringContaining('debug, info and warn'));
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const broken = () => {
    throw new Error('disk full');
  };
  const { data } = await cluster.open({ logger: { debug: broken, info: broken, warn: broken } });
  expect(await data.transactions.at('a').query('SELECT 1 AS one')).toHaveLength(1);
  expect(warned).toHaveBeenCalledOnce();
});

it('C18: a password changed at run time shows in health, and the error says where to look', async () => {
  const name = `changing_${process.pid}`;
  await cluster.sql('tx-1', `CREATE USER ${name}@'%' IDENTIFIED BY 'first'`);
  await cluster.sql('tx-1', `GRANT ALL ON *.* TO ${name}@'%'`);
  const url = new URL(cluster.url('tx-1'));
  url.username = name;
  url.password = 'first';
  const { data } = await cluster.open({ topology: cluster.topology({ 'tx-1': url.href }) });
  expect(data.health().shards['tx-1']).toMatchObject({ state: 'up' });
  await cluster.sql('tx-1', `ALTER USER ${name}@'%' IDENTIFIED BY 'second'`);
  const key = Array.from({ length: 100 }, (_, at) => `key-${at}`).find(
    (one) => data.transactions.explain(one).shard === 'tx-1',
  );
  const at = data.transactions.at(key ?? '');
  const errors = await Promise.all(
    Array.from({ length: 10 }, () =>
      at.query('SELECT SLEEP(0.05)').then(
        () => undefined,
        (error: unknown) => error,
      ),
    ),
  );
  const failed = errors.find((error) => error !== undefined);
  expect(failed).toBeInstanceOf(StatementError);
  expect(failed).toHaveProperty('message', expect.stringContaining('shards.tx-1.primary'));
  expect(failed).not.toHaveProperty('message', expect.stringContaining('second'));
  expect(data.health().shards['tx-1']).toMatchObject({
    state: 'down',
    endpoints: [{ lastFault: { code: 'MERIDIAN_STATEMENT' } }],
  });
});

it('C18: a wrong password and a missing right to create tables are told at start, with the cure', async () => {
  const url = new URL(cluster.url('tx-2'));
  url.password = 'wrong';
  const wrong = await failureOf(
    cluster.open({ topology: cluster.topology({ 'tx-2': url.href }), startupTimeoutMs: 5_000 }),
  );
  expect(wrong).toHaveProperty('message', expect.stringContaining('shards.tx-2.primary'));
  const name = `reading_${process.pid}`;
  await cluster.sql('tx-2', 'CREATE DATABASE lacking');
  await cluster.sql(
    'tx-2',
    `CREATE TABLE lacking.transactions LIKE ${new URL(cluster.url('tx-2')).pathname.slice(1)}.transactions`,
  );
  await cluster.sql('tx-2', `CREATE USER ${name}@'%' IDENTIFIED BY 'reads'`);
  await cluster.sql('tx-2', `GRANT SELECT, INSERT, UPDATE, DELETE ON lacking.* TO ${name}@'%'`);
  url.username = name;
  url.password = 'reads';
  url.pathname = '/lacking';
  const mayNot = await failureOf(
    cluster.open({ topology: cluster.topology({ 'tx-2': url.href }) }),
  );
  expect(mayNot).toHaveProperty('message', expect.stringContaining('CREATE command denied'));
  expect(mayNot).toHaveProperty('message', expect.stringContaining('Grant'));
  expect(mayNot).toHaveProperty('message', expect.stringContaining('shards.tx-2.primary'));
});
