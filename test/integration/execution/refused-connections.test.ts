import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { classifyError } from 'meridian/resilience';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { failureOf } from '../../support/cluster.ts';
import { ServerSessions } from '../../support/servers/server-sessions.ts';

let cluster: LocalCluster<'one'>;
let root: Connection;
let sessions: ServerSessions;
const servers: Server[] = [];

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: ['one'] });
  sessions = new ServerSessions();
  root = await sessions.admin(cluster.shards.one.primary.adminUrl);
  for (const sql of [
    "CREATE USER 'narrow'@'%' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 1",
    "CREATE USER 'rare'@'%' IDENTIFIED BY 'x' WITH MAX_QUERIES_PER_HOUR 3",
    "GRANT ALL ON *.* TO 'narrow'@'%'",
    "GRANT ALL ON *.* TO 'rare'@'%'",
  ]) {
    await root.query(sql);
  }
});

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

afterAll(async () => {
  await sessions.close();
  await cluster.stop();
});

function url(
  changes: Partial<Record<'username' | 'password' | 'host' | 'pathname' | 'search', string>>,
) {
  const changed = new URL(cluster.shards.one.primary.url);
  Object.assign(changed, changes);
  return changed.href;
}

/** A port where something listens that is no MySQL server. */
async function stranger(greeting: string | undefined): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    if (greeting === undefined) return;
    if (greeting === '') socket.destroy();
    else socket.write(greeting);
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function refusal(to: string, connectTimeoutMs = 2_000) {
  const pool = sessions.pool(to, 2, connectTimeoutMs);
  const fault = await failureOf(sessions.acquire(pool));
  await pool.close();
  return { fault, answer: classifyError(fault) };
}

const notSent = { kind: 'not-sent', retryable: true, outcome: 'not-applied', serverFault: true };
const refused = { kind: 'permanent', retryable: false, outcome: 'not-applied', serverFault: false };
const full = {
  kind: 'overload',
  retryable: true,
  outcome: 'not-applied',
  repeat: 'elsewhere',
  serverFault: true,
};

describe('who asks in vain for a connection', () => {
  it('with a wrong password', async () => {
    const { fault, answer } = await refusal(url({ password: 'wrong' }));
    expect(fault).toMatchObject({ errno: 1045, phase: 'connecting' });
    expect(answer).toMatchObject(refused);
  });

  it('with a database that is not there', async () => {
    const { fault, answer } = await refusal(
      url({ username: 'narrow', password: 'x', pathname: '/nowhere' }),
    );
    expect(fault).toMatchObject({ errno: 1049, phase: 'connecting' });
    expect(answer).toMatchObject(refused);
  });

  it('where nobody listens', async () => {
    const { fault, answer } = await refusal(url({ host: '127.0.0.1:1' }));
    expect(fault).toMatchObject({ code: 'ECONNREFUSED', errno: undefined });
    expect(answer).toMatchObject(notSent);
  });

  it('under a name that does not exist', async () => {
    const { answer } = await refusal(url({ host: 'nowhere.invalid:3306', search: '?tls=off' }));
    expect(answer).toMatchObject(notSent);
  });

  it('over TLS where the server has none', async () => {
    const { answer } = await refusal(url({ search: '?tls=verify' }));
    expect(answer).toMatchObject(notSent);
  });

  it.each([
    ['hangs up at once', ''],
    ['speaks something else', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ])('at something that %s', async (_, greeting) => {
    const { answer } = await refusal(url({ host: await stranger(greeting) }), 500);
    expect(answer).toMatchObject(notSent);
  });

  it('at something that says nothing, within the time for it', async () => {
    const { fault, answer } = await refusal(url({ host: await stranger(undefined) }), 100);
    expect(fault).toMatchObject({ code: 'ETIMEDOUT' });
    expect(answer).toMatchObject(notSent);
  });

  it('of a full server', async () => {
    const [[before]] = await root.query<RowDataPacket[]>(
      'SELECT @@GLOBAL.max_connections AS value',
    );
    await root.query('SET GLOBAL max_connections = 10');
    const others = await Promise.all(
      Array.from({ length: 9 }, () => sessions.admin(cluster.shards.one.primary.url)),
    );
    const { fault, answer } = await refusal(cluster.shards.one.primary.url);
    for (const other of others) await other.end();
    await root.query('SET GLOBAL max_connections = ?', [before?.value]);
    expect(fault).toMatchObject({ errno: 1040 });
    expect(answer).toMatchObject(full);
  });

  it('beyond the limits of this user', async () => {
    const holder = await sessions.admin(url({ username: 'narrow', password: 'x' }));
    const narrow = await refusal(url({ username: 'narrow', password: 'x' }));
    await holder.end();
    expect(narrow.fault).toMatchObject({ errno: 1226 });
    expect(narrow.answer).toMatchObject(full);
  });

  it('beyond the queries of this user, when it is used', async () => {
    const pool = sessions.pool(url({ username: 'rare', password: 'x' }));
    const session = await sessions.acquire(pool);
    const fault = await failureOf(session.control('SELECT 1', sessions.deadline()));
    session.release();
    expect(fault).toMatchObject({ errno: 1226 });
    expect(classifyError(fault)).toMatchObject(full);
  });
});
