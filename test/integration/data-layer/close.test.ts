import { AbortedError, ConfigError, createDataLayer, type MeridianEvent } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { accountOn, failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let proxy: ChaosProxy;
let opened: Opened<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
});

afterAll(() => cluster.stop());

beforeEach(async () => {
  const before = await cluster.proxy('tx-1');
  proxy = before.proxy;
  await cluster.forgetFacts();
  opened = await cluster.open({ topology: cluster.topology({ 'tx-1': before.url }) });
});

const account = () => accountOn('tx-1', opened.data.transactions);
const noCut = { read: 0, write: 0, transaction: 0, stream: 0, upkeep: 0 };

it('what ends in time is drained, and the report counts it', async () => {
  const { data, events } = opened;
  const running = data.transactions.at(account()).query('SELECT SLEEP(0.1)');
  const report = await data.close();
  await running;
  expect(report).toEqual({
    drained: 1,
    cut: 0,
    cutByKind: noCut,
    durationMs: expect.any(Number),
  });
  expect(events).toContainEqual({ type: 'closed', ...report });
});

it('what does not is cut off at once, and told what became of it', async () => {
  const { data } = opened;
  const at = data.transactions.at(account());
  // Each of them finds an open connection.
  await Promise.all(Array.from({ length: 4 }, () => at.query('SELECT SLEEP(0.05)')));
  const row = await data.transactions.insert({ account_id: account(), cents: 1n });
  let settle = () => {};
  const never = at.transaction(async (trx) => {
    await trx.transactions.update(row.id, { cents: 2n });
    await new Promise<void>((resolve) => {
      settle = resolve;
    });
  });
  const read = at.query('SELECT SLEEP(60)');
  const stream = at.stream('SELECT 1 UNION SELECT SLEEP(60)');
  const rows = stream.next();
  await eventually(async () => expect(await cluster.running('tx-1', '%SLEEP%')).toBe(2));
  proxy.blackHole();
  const write = data.transactions.insert({ account_id: account(), cents: 3n });
  const failures = [never, read, write, rows].map(failureOf);
  const closed = data.close({ timeoutMs: 100 });
  const told = await Promise.all(failures);
  for (const error of told) expect(error).toBeInstanceOf(AbortedError);
  expect(told).toMatchObject([
    { outcome: 'not-applied' },
    { outcome: 'not-applied' },
    { outcome: 'unknown', retryable: false },
    { outcome: 'not-applied' },
  ]);
  expect(await closed).toMatchObject({
    drained: 0,
    cut: 4,
    cutByKind: { ...noCut, transaction: 1, read: 1, write: 1, stream: 1 },
  });
  settle();
  proxy.heal();
  await eventually(async () => {
    const found = await cluster.sql('tx-1', 'SELECT cents FROM transactions WHERE id = ?', [
      row.id,
    ]);
    expect(found).toEqual([{ cents: '1' }]);
  });
});

it('a stream that nobody reads does not keep it waiting, and ends for its reader', async () => {
  const { data } = opened;
  const stream = data.transactions.at(account()).stream('SELECT 1 UNION SELECT 2');
  await stream.next();
  const { cut, cutByKind } = await data.close({ timeoutMs: 1 });
  expect({ cut, cutByKind }).toEqual({ cut: 1, cutByKind: { ...noCut, stream: 1 } });
  expect(await failureOf(stream.next())).toBeInstanceOf(AbortedError);
});

it('closing twice is closing once, whatever the second one asks for', async () => {
  const { data, events } = opened;
  const first = data.close({ timeoutMs: 5_000 });
  expect(data.close({ timeoutMs: 1 })).toBe(first);
  expect(await data.close()).toBe(await first);
  expect(events.filter(({ type }) => type === 'closed')).toHaveLength(1);
});

it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5'])(
  'a timeout of %j is refused before anything is closed',
  async (timeoutMs) => {
    const { data } = opened;
    const options = { timeoutMs: 1, ...Object.fromEntries([['timeoutMs', timeoutMs]]) };
    const error = await failureOf(data.close(options));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ problems: [{ path: 'timeoutMs' }] });
    expect(data.health().closing).toBe(false);
    expect(await data.transactions.at(account()).query("SELECT 'one' AS one")).toEqual([
      { one: 'one' },
    ]);
  },
);

it('await using closes it', async () => {
  let health: () => unknown;
  {
    await cluster.forgetFacts();
    await using data = await createDataLayer({
      topology: cluster.topology(),
      region: 'eu',
      tables,
      redis: false,
      logger: false,
    });
    health = () => data.health();
    expect(health()).toMatchObject({ ready: true, closing: false });
  }
  expect(health()).toMatchObject({ ready: false, closing: true });
});

it('a startup is ended by its signal, and leaves nothing open', async () => {
  const { proxy: hole, url } = await cluster.proxy('tx-1');
  hole.blackHole();
  const given = new AbortController();
  const starting = createDataLayer({
    topology: cluster.topology({ 'tx-1': url }),
    region: 'eu',
    tables,
    redis: cluster.redisUrl,
    logger: false,
    signal: given.signal,
  });
  const failure = failureOf(starting);
  await eventually(() => expect(hole.connections).toBeGreaterThan(0));
  given.abort(new Error('SIGTERM'));
  expect(await failure).toBeInstanceOf(AbortedError);
  const early = createDataLayer({
    topology: cluster.topology(),
    region: 'eu',
    tables,
    redis: false,
    logger: false,
    signal: AbortSignal.abort(),
  });
  expect(await failureOf(early)).toBeInstanceOf(AbortedError);
});

it('a startup that is ended while it waits for Redis tells nothing more', async () => {
  const given = new AbortController();
  const events: MeridianEvent[] = [];
  const options = { redis: 'redis://127.0.0.1:1', cache: { maxGapMs: 1_000 } };
  const starting = createDataLayer({
    topology: cluster.topology(),
    region: 'eu',
    tables,
    ...options,
    logger: false,
    signal: given.signal,
    observers: [
      (event) => {
        events.push(event);
        if (event.type === 'cache-fault' && event.operation === 'connection') given.abort();
      },
    ],
  });
  expect(await failureOf(starting)).toBeInstanceOf(AbortedError);
  // It is as patient as the first one was, and began later.
  const later = await cluster.open(options);
  const isTold = (event: MeridianEvent) =>
    event.type === 'cache-fault' && event.message.includes('starting without it');
  expect(later.events.some(isTold)).toBe(true);
  expect(events.some(isTold)).toBe(false);
});
