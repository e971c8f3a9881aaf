import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import {
  type ChaosProxy,
  type LocalCluster,
  startChaosProxy,
  startLocalCluster,
  TestingError,
} from 'meridian/testing';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../../support/eventually.ts';

const long = 3_600_000;
let cluster: LocalCluster<'eu-1'>;
let proxy: ChaosProxy;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: ['eu-1'] });
});

afterAll(() => cluster.stop());

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function mysqlConnection(url: string): Promise<Connection> {
  const connection = await mysql.createConnection(url);
  connection.on('error', () => undefined);
  cleanups.push(() => connection.destroy());
  return connection;
}

function redisClient(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
  client.on('error', () => undefined);
  cleanups.push(() => client.disconnect());
  return client;
}

async function rawConnection({ host, port }: { host: string; port: number }): Promise<Socket> {
  const socket = connect({ host, port });
  socket.on('error', () => undefined);
  cleanups.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function textUntilEnd(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (piece) => {
    text += piece;
  });
  await once(socket, 'end');
  return text;
}

/** Whether a promise is settled, told without waiting for it. */
function watch(promise: Promise<unknown>): { settled: boolean } {
  const state = { settled: false };
  const settle = () => {
    state.settled = true;
  };
  promise.then(settle, settle);
  return state;
}

describe('a MySQL server behind a proxy', () => {
  let direct: Connection;
  let through: Connection;

  beforeEach(async () => {
    const { primary } = cluster.shards['eu-1'];
    proxy = await startChaosProxy({ target: primary.url });
    cleanups.push(() => proxy.close());
    direct = await mysqlConnection(primary.url);
    await direct.query('DROP TABLE IF EXISTS notes');
    await direct.query('CREATE TABLE notes (id INT PRIMARY KEY, note LONGTEXT)');
    through = await mysqlConnection(proxy.urlFor(primary.url));
  });

  async function notes(): Promise<unknown[]> {
    const [rows] = await direct.query<RowDataPacket[]>('SELECT id FROM notes ORDER BY id');
    return rows.map((row) => row.id);
  }

  const endless = (label: string) => `SELECT '${label}', SLEEP(1000)`;

  async function untilRunning(statement: string, count: number): Promise<void> {
    const sql = 'SELECT id FROM information_schema.processlist WHERE info = ?';
    await eventually(async () => {
      const [rows] = await direct.query(sql, [statement]);
      expect(rows).toHaveLength(count);
    });
  }

  it('passes everything on, and counts connections', async () => {
    const note = 'å'.repeat(300_000);
    await through.execute('INSERT INTO notes VALUES (?, ?)', [1, note]);
    const [rows] = await through.query<RowDataPacket[]>('SELECT note FROM notes');
    expect(rows[0]?.note).toBe(note);
    expect(proxy.connections).toBe(1);
    await through.end();
    await eventually(() => expect(proxy.connections).toBe(0));
  });

  it('delays until the latency is undone', async () => {
    const latency = proxy.latency(long);
    const insert = through.query("INSERT INTO notes VALUES (1, 'late')");
    const inserted = watch(insert);
    await direct.query("INSERT INTO notes VALUES (2, 'early')");
    expect(inserted.settled).toBe(false);
    expect(await notes()).toEqual([2]);
    latency.undo();
    await insert;
    expect(await notes()).toEqual([1, 2]);
  });

  it('delays and paces without losing or mixing bytes', async () => {
    proxy.latency(2, 2);
    proxy.bandwidth(4_000_000);
    const note = Array.from({ length: 40_000 }, (_, i) => `${i}`).join(' ');
    await through.execute('INSERT INTO notes VALUES (?, ?)', [1, note]);
    const [rows] = await through.query<RowDataPacket[]>('SELECT note FROM notes');
    expect(rows[0]?.note).toBe(note);
  });

  it('holds back what the bandwidth does not allow', async () => {
    const bandwidth = proxy.bandwidth(0.001);
    const answer = through.query("SELECT 'one byte passes at once' AS text");
    const answered = watch(answer);
    await direct.query('SELECT 1');
    expect(answered.settled).toBe(false);
    bandwidth.undo();
    expect(await answer).toMatchObject([[{ text: 'one byte passes at once' }], {}]);
  });

  it('lets nothing through a black hole until it is healed', async () => {
    proxy.blackHole();
    const insert = through.query("INSERT INTO notes VALUES (1, 'held')");
    const inserted = watch(insert);
    // A new connection is accepted too, but no server greets it.
    const late = await rawConnection(proxy);
    const greeting = once(late, 'data');
    const greeted = watch(greeting);
    await direct.query("INSERT INTO notes VALUES (2, 'direct')");
    expect(await notes()).toEqual([2]);
    expect([inserted.settled, greeted.settled]).toEqual([false, false]);

    proxy.heal();
    await Promise.all([insert, greeting]);
    expect(await notes()).toEqual([1, 2]);
  });

  it('hides the end of a server behind a black hole', async () => {
    const ended = new Promise((resolve) => through.on('end', resolve).on('error', resolve));
    const end = watch(ended);
    proxy.blackHole();
    const id = through.threadId;
    await direct.query(`KILL ${id}`);
    const sql = 'SELECT id FROM information_schema.processlist WHERE id = ?';
    await eventually(async () => expect(await direct.query(sql, [id])).toMatchObject([[], {}]));
    expect(end.settled).toBe(false);
    proxy.heal();
    await ended;
  });

  it('resets open connections', async () => {
    const other = await mysqlConnection(proxy.urlFor(cluster.shards['eu-1'].primary.url));
    expect(proxy.connections).toBe(2);
    const queries = [through, other].map((connection) => connection.query(endless('reset')));
    await untilRunning(endless('reset'), 2);
    proxy.reset();
    for (const query of queries) await expect(query).rejects.toMatchObject({ code: 'ECONNRESET' });
    await eventually(() => expect(proxy.connections).toBe(0));
    await mysqlConnection(proxy.urlFor(cluster.shards['eu-1'].primary.url));
  });

  it('refuses new connections and keeps open ones', async () => {
    const url = proxy.urlFor(cluster.shards['eu-1'].primary.url);
    const refusal = proxy.refuse();
    await expect(mysql.createConnection(url)).rejects.toMatchObject({ code: 'ECONNRESET' });
    await through.query('SELECT 1');
    refusal.undo();
    await mysqlConnection(url);
  });

  it('loses the reply of a commit that was applied', async () => {
    const drop = proxy.dropNextCommitReply();
    await through.beginTransaction();
    await through.execute('INSERT INTO notes VALUES (?, ?)', [1, 'committed']);
    await expect(through.query('  commit ')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await drop.happened).toBe('  commit ');
    expect(await notes()).toEqual([1]);

    const next = await mysqlConnection(proxy.urlFor(cluster.shards['eu-1'].primary.url));
    await next.beginTransaction();
    await next.query("INSERT INTO notes VALUES (2, 'next')");
    await next.commit();
    expect(await notes()).toEqual([1, 2]);
  });

  it('loses the reply of the prepared statement that matches', async () => {
    const drop = proxy.dropReplyTo(/^insert into notes/i);
    await through.execute('SELECT * FROM notes WHERE id = ?', [1]);
    const sql = 'INSERT INTO notes VALUES (?, ?)';
    await expect(through.execute(sql, [1, 'applied'])).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
    expect(await drop.happened).toBe(sql);
    expect(await notes()).toEqual([1]);
  });

  it('loses the reply to what a predicate picks, in whatever pieces it comes', async () => {
    proxy.bandwidth(20_000);
    const drop = proxy.dropReplyTo((statement) => statement.includes('needle'));
    await through.query("INSERT INTO notes VALUES (1, 'hay')");
    const sql = `INSERT INTO notes VALUES (2, '${'hay '.repeat(500)} needle')`;
    await expect(through.query(sql)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await drop.happened).toBe(sql);
    expect(await notes()).toEqual([1, 2]);
  });

  it('says when a reply can no longer be dropped', async () => {
    const undone = proxy.dropNextCommitReply();
    undone.undo();
    await expect(undone.happened).rejects.toThrow(/undone/);
    const healed = proxy.dropNextCommitReply();
    proxy.heal();
    await expect(healed.happened).rejects.toThrow(/healed/);
    await through.query('COMMIT');

    const killed = proxy.dropReplyTo(/killed/);
    const query = through.query(endless('killed'));
    await untilRunning(endless('killed'), 1);
    const failure = query.catch((error: unknown) => error);
    await cluster.shards['eu-1'].primary.kill();
    expect(await failure).toBeInstanceOf(Error);
    await expect(killed.happened).rejects.toThrow(/before the server replied/);
    await cluster.shards['eu-1'].primary.restart();
  });

  it('resets a client whose server is down', async () => {
    const { primary } = cluster.shards['eu-1'];
    await primary.kill();
    await expect(mysql.createConnection(proxy.urlFor(primary.url))).rejects.toThrow();
    await eventually(() => expect(proxy.connections).toBe(0));
    await primary.restart();
    const back = await mysqlConnection(proxy.urlFor(primary.url));
    await back.query('SELECT 1');
  });
});

describe('a Redis server behind a proxy', () => {
  beforeEach(async () => {
    proxy = await startChaosProxy({ target: `${cluster.redis.host}:${cluster.redis.port}` });
    cleanups.push(() => proxy.close());
  });

  it('keeps the order of replies under jitter', async () => {
    const client = redisClient(proxy.urlFor(cluster.redis.url));
    proxy.latency(3, 3);
    const texts = Array.from({ length: 50 }, (_, i) => `${i}`);
    expect(await Promise.all(texts.map((text) => client.echo(text)))).toEqual(texts);
  });

  it('cuts a connection after exactly so many bytes', async () => {
    await redisClient(cluster.redis.url).set('big', 'x'.repeat(100_000));
    const socket = await rawConnection(proxy);
    let received = 0;
    socket.on('data', (bytes) => {
      received += bytes.length;
    });
    const cut = proxy.cutAfter(54_321, 'toClient');
    socket.write('GET big\r\n');
    await closed(socket);
    expect(received).toBe(54_321);

    cut.undo();
    expect(await redisClient(proxy.urlFor(cluster.redis.url)).get('big')).toHaveLength(100_000);
  });

  it('counts both directions together unless told otherwise', async () => {
    const socket = await rawConnection(proxy);
    const replies: Buffer[] = [];
    socket.on('data', (bytes) => replies.push(bytes));
    proxy.cutAfter('PING\r\n+PONG\r\nPING\r\n+PO'.length);
    socket.write('PING\r\n');
    await eventually(() => expect(Buffer.concat(replies).toString()).toBe('+PONG\r\n'));
    socket.write('PING\r\n');
    await closed(socket);
    expect(Buffer.concat(replies).toString()).toBe('+PONG\r\n+PO');
  });
});

describe('the proxy itself', () => {
  let server: Server;
  const accepted: Socket[] = [];

  beforeEach(async () => {
    accepted.length = 0;
    server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      accepted.push(socket);
    });
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    cleanups.push(() => {
      for (const socket of accepted) socket.destroy();
      server.close();
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    proxy = await startChaosProxy({ target: `localhost:${address.port}` });
    cleanups.push(() => proxy.close());
  });

  async function acceptedSocket(): Promise<Socket> {
    return vi.waitUntil(() => accepted[0]);
  }

  it('does not take from the server what the client does not take', async () => {
    const total = 64 * 1024 * 1024;
    const client = await rawConnection(proxy);
    const sender = await acceptedSocket();
    sender.end(Buffer.alloc(total, 1));
    await once(client, 'readable');

    let before = -1;
    await vi.waitUntil(
      () => {
        const still = sender.bytesWritten - sender.writableLength === before;
        before = sender.bytesWritten - sender.writableLength;
        return still;
      },
      { interval: 100 },
    );
    expect(sender.writableFinished).toBe(false);

    let received = 0;
    for await (const bytes of client) received += bytes.length;
    expect(received).toBe(total);
  });

  it('passes on a half-closed connection', async () => {
    const client = await rawConnection(proxy);
    const peer = await acceptedSocket();
    const question = textUntilEnd(peer);
    client.end('the question');
    expect(await question).toBe('the question');
    const answer = textUntilEnd(client);
    peer.end('the answer');
    expect(await answer).toBe('the answer');
    await eventually(() => expect(proxy.connections).toBe(0));
  });

  it('frees its port and its connections when it is closed', async () => {
    const client = await rawConnection(proxy);
    const peer = await acceptedSocket();
    const ends = [closed(client), closed(peer)];
    const drop = proxy.dropNextCommitReply();
    await proxy.close();
    await Promise.all(ends);
    await expect(drop.happened).rejects.toThrow(/closed/);
    expect(proxy.connections).toBe(0);
    await expect(rawConnection(proxy)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('refuses a target without a port', async () => {
    await expect(startChaosProxy({ target: 'localhost' })).rejects.toThrow(TestingError);
    await expect(startChaosProxy({ target: 'mysql://u:p@host/db' })).rejects.toThrow(/host:port/);
  });
});
