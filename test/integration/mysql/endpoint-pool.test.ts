import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import {
  type ChaosProxy,
  type LocalCluster,
  startChaosProxy,
  startLocalCluster,
} from 'meridian/testing';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { failureOf } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { ServerSessions } from '../../support/servers/server-sessions.ts';

let cluster: LocalCluster<'one'>;
let proxy: ChaosProxy;
let root: Connection;
let sessions: ServerSessions;

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: ['one'] });
  proxy = await startChaosProxy({ target: cluster.shards.one.primary.url });
  sessions = new ServerSessions();
  root = await sessions.admin(cluster.shards.one.primary.adminUrl);
  await root.query('CREATE TABLE accounts (id INT PRIMARY KEY)');
});

afterEach(() => proxy.heal());

afterAll(async () => {
  await sessions.close();
  await proxy.close();
  await cluster.stop();
});

const direct = () => cluster.shards.one.primary.url;
const proxied = () => proxy.urlFor(direct());

async function query(sql: string, params: unknown[] = []): Promise<RowDataPacket[]> {
  const [rows] = await root.query<RowDataPacket[]>(sql, params);
  return rows;
}

/** The application's connections, as the server sees them. */
const open = () =>
  query('SELECT id, info FROM information_schema.processlist WHERE user = ?', [
    new URL(direct()).username,
  ]);

it('a server that does not speak meets two connections at a time, and no slot is lost to it', async () => {
  let callers = 0;
  const server = createServer((socket) => {
    callers++;
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const pool = sessions.pool(`mysql://app:x@127.0.0.1:${port}/one`, 10, 100);
  const waiting = Array.from({ length: 10 }, () => failureOf(sessions.acquire(pool)));
  for (const fault of await Promise.all(waiting))
    expect(fault).toMatchObject({ code: 'ETIMEDOUT' });
  // A third was begun in place of the first that failed.
  expect(callers).toBeLessThanOrEqual(3);
  const again = Array.from({ length: 10 }, () => failureOf(sessions.acquire(pool)));
  for (const fault of await Promise.all(again)) expect(fault).toMatchObject({ code: 'ETIMEDOUT' });
  expect(callers).toBeLessThanOrEqual(6);
  await pool.close();
  server.close();
});

it('a full server: calls use the connections that there are, and none is opened for each of them', async () => {
  const [before] = await query('SELECT @@GLOBAL.max_connections AS value');
  // The least that the server takes, of which this test holds one and others hold the rest.
  await query('SET GLOBAL max_connections = 10');
  const others = await Promise.all(Array.from({ length: 7 }, () => sessions.admin(direct())));
  const refusedBefore = await refusals();
  const pool = sessions.pool(direct(), 8);
  const used = new Set<number>();
  const done = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const session = await sessions.acquire(pool);
      used.add(await sessions.idOf(session));
      session.release();
    }),
  );
  expect(done).toHaveLength(40);
  expect(used.size).toBeLessThanOrEqual(3);
  expect((await refusals()) - refusedBefore).toBeLessThan(10);
  await pool.close();

  const more = await Promise.all(Array.from({ length: 2 }, () => sessions.admin(direct())));
  const without = sessions.pool(direct(), 8);
  const first = await failureOf(sessions.acquire(without));
  expect(first).toMatchObject({ errno: 1040, phase: 'queued' });
  for (const other of [...others, ...more]) await other.end();
  await query('SET GLOBAL max_connections = ?', [before?.value]);
  const session = await eventually(() => sessions.acquire(without));
  session.release();
  await without.close();
});

async function refusals(): Promise<number> {
  const [row] = await query("SHOW GLOBAL STATUS LIKE 'Connection_errors_max_connections'");
  return Number(row?.Value);
}

it('a caller who leaves while connecting or waiting takes nothing with it', async () => {
  const pool = sessions.pool(proxied(), 1, 5_000);
  proxy.blackHole();
  const connecting = sessions.deadline(50);
  const waiting = sessions.deadline(60);
  const left = [failureOf(pool.acquire(connecting)), failureOf(pool.acquire(waiting))];
  for (const error of await Promise.all(left))
    expect(error).toMatchObject({ code: 'MERIDIAN_TIMEOUT' });
  proxy.heal();
  const session = await sessions.acquire(pool);
  expect(await open()).toHaveLength(1);
  const third = failureOf(pool.acquire(sessions.deadline(30)));
  expect(await third).toMatchObject({ code: 'MERIDIAN_TIMEOUT' });
  const id = await sessions.idOf(session);
  session.release();
  const next = await sessions.acquire(pool);
  expect(await sessions.idOf(next)).toBe(id);
  next.release();
  await pool.close();
});

it('a session that is left inside a transaction is not given to anybody', async () => {
  const pool = sessions.pool(direct());
  const session = await sessions.acquire(pool);
  const id = await sessions.idOf(session);
  await session.control('BEGIN', sessions.deadline());
  await sessions.run(session, 'INSERT INTO accounts VALUES (1)');
  session.release();
  const next = await sessions.acquire(pool);
  expect(await sessions.idOf(next)).not.toBe(id);
  expect(await sessions.run(next, 'SELECT * FROM accounts')).toMatchObject({ rows: [] });
  await next.control('BEGIN', sessions.deadline());
  await next.control('ROLLBACK', sessions.deadline());
  const kept = await sessions.idOf(next);
  next.release();
  const last = await sessions.acquire(pool);
  expect(await sessions.idOf(last)).toBe(kept);
  last.release();
  await pool.close();
});

it('a session that is left while a statement runs is not given to anybody, and it is killed', async () => {
  const pool = sessions.pool(direct());
  const session = await sessions.acquire(pool);
  const running = failureOf(sessions.run(session, 'SELECT SLEEP(1000)'));
  session.release();
  const next = await sessions.acquire(pool);
  expect(await sessions.run(next, "SELECT 'one' AS one")).toMatchObject({ rows: [{ one: 'one' }] });
  await running;
  await pool.quiet();
  await eventually(async () => expect(await open()).toHaveLength(1));
  next.release();
  await pool.close();
});

it('a connection that its server closed while it was idle fails nobody, and is reported', async () => {
  const pool = sessions.pool(direct());
  const session = await sessions.acquire(pool);
  const id = await sessions.idOf(session);
  await session.control('SET SESSION wait_timeout = 1', sessions.deadline());
  session.release();
  const before = sessions.faults.length;
  await eventually(async () => expect(await open()).toEqual([]), { timeout: 5_000 });
  await eventually(() => expect(sessions.faults.length).toBe(before + 1));
  const next = await sessions.acquire(pool);
  expect(await sessions.idOf(next)).not.toBe(id);
  next.release();
  await pool.close();
});

it('a caller in a black hole is answered at once, and its statement is ended once the server can be asked', async () => {
  const pool = sessions.pool(proxied(), 1, 500);
  const session = await sessions.acquire(pool);
  const events: string[] = [];
  const faultsBefore = sessions.faults.length;
  proxy.blackHole();
  const answered = failureOf(
    session.run({ sql: 'SELECT SLEEP(1000)', params: [] }, sessions.deadline(50)),
  ).then((error) => {
    events.push('answered');
    return error;
  });
  expect(await answered).toMatchObject({ code: 'MERIDIAN_TIMEOUT' });
  const quiet = pool.quiet().then(() => events.push('ended'));
  await eventually(() => expect(sessions.faults.length).toBeGreaterThan(faultsBefore), {
    timeout: 5_000,
  });
  expect(events).toEqual(['answered']);
  proxy.heal();
  await quiet;
  expect(
    await query(
      "SELECT id FROM information_schema.processlist WHERE info LIKE '%SLEEP(1000)%' AND id <> CONNECTION_ID()",
    ),
  ).toEqual([]);
  const next = await sessions.acquire(pool);
  expect(await sessions.run(next, "SELECT 'one' AS one")).toMatchObject({ rows: [{ one: 'one' }] });
  next.release();
  await pool.close();
});

it('statements that are given up together are all killed', async () => {
  const pool = sessions.pool(direct(), 3);
  const held = await Promise.all([1, 2, 3].map(() => sessions.acquire(pool)));
  const deadline = sessions.deadline(50);
  const running = held.map((session, index) =>
    failureOf(session.run({ sql: `SELECT SLEEP(100${index})`, params: [] }, deadline)),
  );
  for (const error of await Promise.all(running)) {
    expect(error).toMatchObject({ code: 'MERIDIAN_TIMEOUT' });
  }
  await pool.quiet();
  await eventually(async () => expect(await open()).toEqual([]));
  await pool.close();
});

it('after a restart under many callers, connections come back a few at a time', async () => {
  const pool = sessions.pool(direct(), 10);
  const all = await Promise.all(Array.from({ length: 10 }, () => sessions.acquire(pool)));
  for (const session of all) session.release();
  const before = sessions.faults.length;
  await cluster.shards.one.primary.kill();
  await eventually(() => expect(sessions.faults.length).toBe(before + 10));
  const failed = await Promise.all(
    Array.from({ length: 10 }, () => failureOf(sessions.acquire(pool))),
  );
  for (const fault of failed) expect(fault).toMatchObject({ phase: 'queued' });
  await cluster.shards.one.primary.restart();
  root = await sessions.admin(cluster.shards.one.primary.adminUrl);
  const back = await Promise.all(Array.from({ length: 10 }, () => sessions.acquire(pool)));
  expect(await open()).toHaveLength(10);
  for (const session of back) session.release();
  await pool.close();
});

it('a pool that is retired keeps no connection, and serves who still asks', async () => {
  const pool = sessions.pool(direct(), 3, 1_000);
  const [busy, idle] = [await sessions.acquire(pool), await sessions.acquire(pool)];
  idle.release();
  pool.retire();
  expect(pool.snapshot()).toMatchObject({ connections: 1, idle: 0 });
  const deadline = new Deadline(5_000);
  const { rows } = await busy.run({ sql: "SELECT 'seven' AS word", params: [] }, deadline);
  expect(rows).toEqual([{ word: 'seven' }]);
  busy.release();
  expect(pool.snapshot()).toMatchObject({ connections: 0, idle: 0 });
  const late = await sessions.acquire(pool);
  expect((await late.run({ sql: "SELECT 'eight' AS word", params: [] }, deadline)).rows).toEqual([
    { word: 'eight' },
  ]);
  deadline.end();
  late.release();
  expect(pool.snapshot()).toMatchObject({ connections: 0 });
  pool.reinstate();
  (await sessions.acquire(pool)).release();
  expect(pool.snapshot()).toMatchObject({ connections: 1, idle: 1 });
});
