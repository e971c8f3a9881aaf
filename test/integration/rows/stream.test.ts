import { type DataLayer, type MeridianEvent, TimeoutError, UnavailableError } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountOn, failureOf, type OwnCluster, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { numbers } from '../../support/tables/numbers.ts';
import type { tables } from '../../support/tables.ts';

const rowCount = 200_000;
/** Has one row on each shard. */
const ofEachShard = 'FROM information_schema.schemata WHERE schema_name = DATABASE()';
const everyRow = "SELECT seq, REPEAT('x', 100) AS text FROM counted ORDER BY seq";

let cluster: OwnCluster;
let data: DataLayer<typeof tables>;
let events: MeridianEvent[];
let account: string;

beforeAll(async () => {
  cluster = await TestCluster.startOwn();
  await cluster.sql('tx-1', 'CREATE TABLE counted (seq INT PRIMARY KEY)');
  await cluster.sql(
    'tx-1',
    `INSERT INTO counted SELECT seq FROM ${numbers(6)} WHERE seq <= ${rowCount} ORDER BY seq`,
  );
  ({ data, events } = await cluster.open({ pool: { connections: 1 }, timeoutMs: 10_000 }));
  account = accountOn('tx-1', data.transactions);
});

afterAll(() => cluster.stop());

const shard = () => data.transactions.at(account);
const one = () => shard().query("SELECT 'one' AS one");

it('gives every row, in the order of the server', async () => {
  let expected = 0;
  for await (const row of shard().stream(everyRow)) expect(Number(row.seq)).toBe(++expected);
  expect(expected).toBe(rowCount);
});

it('reads the server no faster than its rows are taken', async () => {
  const rows = shard().stream(everyRow);
  await rows.next();
  await eventually(async () => {
    const [state] = await cluster.sql(
      'tx-1',
      "SELECT state FROM information_schema.processlist WHERE info LIKE '%FROM counted%' AND id <> CONNECTION_ID()",
    );
    expect(state?.state).toMatch(/Writing to net|Sending (data|to client)/i);
  });
  await rows.return();
});

it('ends the statement when it is left early, and the pool stays usable', async () => {
  for await (const row of shard().stream(everyRow)) {
    expect(Number(row.seq)).toBe(1);
    break;
  }
  expect(await one()).toEqual([{ one: 'one' }]);
  await eventually(async () => expect(await cluster.running('tx-1', '%FROM counted%')).toBe(0));
});

it('passes the error of the loop on, and the pool stays usable', async () => {
  const own = new Error('mine');
  const work = (async () => {
    for await (const _ of shard().stream(everyRow)) throw own;
  })();
  expect(await failureOf(work)).toBe(own);
  expect(await one()).toEqual([{ one: 'one' }]);
});

it('refuses a wrong statement with a StatementError, and the pool stays usable', async () => {
  const error = await failureOf(shard().stream('SELECT nope FROM transactions').next());
  expect(error).toMatchObject({ code: 'MERIDIAN_STATEMENT', outcome: 'not-applied' });
  expect(await one()).toEqual([{ one: 'one' }]);
});

it('Z15: gives its connections back when nobody reads it any more, and says so', async () => {
  const own = shard().stream(everyRow, [], { readerTimeoutMs: 100 });
  const all = data.transactions.everywhere.stream(`SELECT 'one' AS one ${ofEachShard}`, [], {
    readerTimeoutMs: 100,
  });
  await own.next();
  // The pool's one connection is the stream's until it is given up.
  expect(await one()).toEqual([{ one: 'one' }]);
  await all.next();
  expect(await one()).toEqual([{ one: 'one' }]);
  for (const rows of [own, all]) {
    const error = await failureOf(rows.next());
    expect(error).toBeInstanceOf(TimeoutError);
    expect(String(error)).toMatch(/Nobody asked for the next row/);
  }
  let slow = 0;
  for await (const _ of shard().stream('SELECT seq FROM counted ORDER BY seq LIMIT 5', [], {
    readerTimeoutMs: 500,
  })) {
    slow++;
  }
  expect(slow).toBe(5);
  const wrong = shard().stream('SELECT 1', [], { readerTimeoutMs: -1 }).next();
  expect(await failureOf(wrong)).toMatchObject({ code: 'MERIDIAN_CONFIG' });
});

it('ends at its timeout, wherever it is then', async () => {
  const rows = shard().stream('SELECT SLEEP(1000)', [], { timeoutMs: 50 });
  expect(await failureOf(rows.next())).toBeInstanceOf(TimeoutError);
  expect(await one()).toEqual([{ one: 'one' }]);
  await eventually(async () => expect(await cluster.running('tx-1', '%SLEEP%')).toBe(0));
});

it('says timeout, not abort, when its time is over before it has a connection', async () => {
  const holder = shard().stream(everyRow);
  await holder.next();
  const waiting = shard().stream('SELECT 1', [], { timeoutMs: 50 });
  const error = await failureOf(waiting.next());
  await holder.return();
  expect(error).toBeInstanceOf(TimeoutError);
  expect(error).toMatchObject({ outcome: 'not-applied' });
});

it('ends when its signal fires', async () => {
  const controller = new AbortController();
  const rows = shard().stream(everyRow, [], { signal: controller.signal });
  await rows.next();
  controller.abort();
  const drained = (async () => {
    for await (const _ of rows);
  })();
  expect(await failureOf(drained)).toMatchObject({ code: 'MERIDIAN_ABORTED' });
  expect(await one()).toEqual([{ one: 'one' }]);
});

it('a refused option leaves nothing running: close still ends', async () => {
  const { data: other } = await cluster.open();
  for (const timeoutMs of [0, -1, Number.NaN]) {
    const alone = other.transactions.at(account).stream('SELECT 1', [], { timeoutMs });
    expect(await failureOf(alone.next())).toMatchObject({ code: 'MERIDIAN_CONFIG' });
    const all = other.transactions.everywhere.stream('SELECT id FROM transactions', [], {
      timeoutMs,
    });
    expect(await failureOf(all.next())).toMatchObject({ code: 'MERIDIAN_CONFIG' });
  }
  await other.close();
});

it('is an UnavailableError when the server dies under it, and is not begun again', async () => {
  const from = events.length;
  const rows = shard().stream(everyRow);
  await rows.next();
  await cluster.cluster.shards['tx-1'].primary.kill();
  const drained = (async () => {
    for await (const _ of rows);
  })();
  expect(await failureOf(drained)).toBeInstanceOf(UnavailableError);
  expect(events.slice(from).filter(({ type }) => type === 'retry')).toEqual([]);
  await cluster.cluster.shards['tx-1'].primary.restart();
  await eventually(async () => expect(await one()).toEqual([{ one: 'one' }]), { timeout: 10_000 });
});

it('is begun again when the connection it was given turns out to be dead', async () => {
  const { proxy, url } = await cluster.proxy('tx-1');
  const { data: other, events: seen } = await cluster.open({
    topology: cluster.topology({ 'tx-1': url }),
    pool: { connections: 1 },
    retry: { baseMs: 1, maxMs: 2 },
  });
  const at = other.transactions.at(account);
  expect(await at.query("SELECT 'one' AS one")).toEqual([{ one: 'one' }]);
  const from = seen.length;
  // The client has not heard of it yet when it sends its statement.
  proxy.reset();
  const rows: unknown[] = [];
  for await (const row of at.stream("SELECT 'one' AS one")) rows.push(row);
  expect(rows).toEqual([{ one: 'one' }]);
  expect(seen.slice(from)).toContainEqual(expect.objectContaining({ type: 'retry' }));
  for await (const row of other.transactions.everywhere.stream(`SELECT 2 AS two ${ofEachShard}`))
    rows.push(row);
  expect(rows).toHaveLength(3);
});
