import { CircuitOpenError } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import mysql, { type Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EndpointAddress, readEndpointUrl } from '../../../src/config/endpoint-url.ts';
import { ping } from '../../../src/mysql/server/ping.ts';
import { accountOn, failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let proxy: ChaosProxy;
let through: EndpointAddress;
let opened: Opened<typeof tables>;
let account: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  const { proxy: before, url } = await cluster.proxy('tx-1');
  proxy = before;
  through = address(url);
  opened = await cluster.open({
    topology: cluster.topology({ 'tx-1': url }),
    breaker: { openMs: 50, rampMs: 100 },
    timeoutMs: 60_000,
  });
  account = accountOn('tx-1', opened.data.transactions);
});

afterAll(() => cluster.stop());

function address(url: string): EndpointAddress {
  const read = readEndpointUrl(url);
  if (typeof read === 'string') throw new Error(`the URL ${read}`);
  return read;
}

const shard = () => opened.data.transactions.at(account);
const one = () => shard().query("SELECT 'one' AS one");
const states = () =>
  opened.events.flatMap((event) => (event.type === 'breaker' ? [event.state] : []));

it('a slow statement on a healthy server is no failure', async () => {
  await shard().query('SELECT SLEEP(2)');
  expect(states()).toEqual([]);
});

it('a server that has gone silent is known long before the deadlines of its calls', async () => {
  await one();
  const hole = proxy.blackHole();
  // Ten find a connection and hang for as long as they may; the others wait for their turn.
  const calls = Array.from({ length: 40 }, () => one());
  const settled = Promise.allSettled(calls);
  const waiting = await Promise.allSettled(calls.slice(10));
  for (const call of waiting) {
    expect(call).toMatchObject({ status: 'rejected', reason: { code: 'MERIDIAN_CIRCUIT_OPEN' } });
  }
  expect(await failureOf(one())).toBeInstanceOf(CircuitOpenError);
  hole.undo();
  await eventually(async () => expect(await one()).toEqual([{ one: 'one' }]), { timeout: 10_000 });
  await settled;
  expect(states()[0]).toBe('open');
  expect(states().at(-1)).toBe('closed');
});

it('a transaction whose statement is not answered has the endpoint probed', async () => {
  const { data, events } = await cluster.open({
    topology: cluster.topology({ 'tx-1': proxy.urlFor(cluster.url('tx-1')) }),
    breaker: { failures: 1, stallMs: 60_000 },
  });
  const mine = await failureOf(
    data.transactions.at(account).transaction(async () => {
      throw new Error('mine');
    }),
  );
  expect(mine).toMatchObject({ message: 'mine' });
  expect(events.filter(({ type }) => type === 'breaker')).toEqual([]);
  let hole: { undo(): void } | undefined;
  const error = await failureOf(
    data.transactions.at(account).transaction(
      async (trx) => {
        hole = proxy.blackHole();
        await trx.query('SELECT 1');
      },
      { timeoutMs: 100 },
    ),
  );
  expect(error).toMatchObject({ code: 'MERIDIAN_TIMEOUT', outcome: 'not-applied' });
  const opening = { type: 'breaker', guard: 'tx-1/primary', state: 'open' };
  await eventually(() => expect(events).toContainEqual(opening), { timeout: 10_000 });
  hole?.undo();
});

it('a ping is answered by who lives, and by nobody else', async () => {
  await ping(through, 5_000);
  const hole = proxy.blackHole();
  expect(await failureOf(ping(through, 100))).toHaveProperty('name', 'DriverFault');
  hole.undo();
  const refuse = proxy.refuse();
  expect(await failureOf(ping(through, 5_000))).toHaveProperty('name', 'DriverFault');
  refuse.undo();
  // The server lives that does not let this user in.
  await ping({ ...through, password: 'wrong' }, 5_000);
});

it('a server without room for one more connection lives', async () => {
  const user = { host: through.host, port: through.port, user: through.user };
  const taken: Connection[] = [];
  const [before] = await cluster.sql('tx-1', 'SELECT @@max_connections AS value');
  await cluster.sql('tx-1', 'SET GLOBAL max_connections = 10');
  try {
    const full = (async () => {
      for (;;) taken.push(await mysql.createConnection({ ...user, password: through.password }));
    })();
    expect(await failureOf(full)).toHaveProperty('errno', 1040);
    await ping(through, 5_000);
  } finally {
    await Promise.all(taken.map((connection) => connection.end()));
    await cluster.sql('tx-1', `SET GLOBAL max_connections = ${before?.value}`);
  }
});
