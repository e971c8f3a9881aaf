import { classifyError } from 'meridian/resilience';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import type { Connection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EndpointPool } from '../../../src/mysql/server/endpoint-pool.ts';
import type { Session } from '../../../src/mysql/server/session.ts';
import { failureOf } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { ServerSessions } from '../../support/servers/server-sessions.ts';
import { numbers } from '../../support/tables/numbers.ts';

let cluster: LocalCluster<'one'>;
let root: Connection;
let sessions: ServerSessions;
let pool: EndpointPool;

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: ['one'] });
  sessions = new ServerSessions();
  root = await sessions.admin(cluster.shards.one.primary.adminUrl);
  await root.query('CREATE TABLE accounts (id INT PRIMARY KEY)');
});

afterAll(async () => {
  await sessions.close();
  await cluster.stop();
});

beforeEach(() => {
  pool = sessions.pool(cluster.shards.one.primary.url, 2);
});

afterEach(() => pool.close());

const lost = {
  kind: 'ambiguous',
  retryable: false,
  repeat: 'never',
  connection: 'close',
  outcome: 'unknown',
} as const;

const control = (session: Session, text: string) => session.control(text, sessions.deadline());

async function isRunning(text: string): Promise<void> {
  await eventually(async () => {
    const [rows] = await root.query(
      'SELECT id FROM information_schema.processlist WHERE info = ? AND id <> CONNECTION_ID()',
      [text],
    );
    expect(rows).toHaveLength(1);
  });
}

describe('a connection that ends under a statement', () => {
  // MySQL answers a SLEEP that is interrupted as if it were over.
  const text = `SELECT COUNT(*) FROM ${numbers(6)}, ${numbers(6, 'others')}`;
  it.each([
    ['KILL CONNECTION', (id: number) => root.query(`KILL ${id}`).then(() => undefined)],
    ['kill -9', () => cluster.shards.one.primary.kill()],
    ['a shutdown', () => root.query('SHUTDOWN').then(() => undefined)],
  ])('%s', async (_, end) => {
    const session = await sessions.acquire(pool);
    const id = await sessions.idOf(session);
    const running = failureOf(sessions.run(session, text));
    await isRunning(text);
    await end(id);
    const fault = await running;
    expect(fault).toMatchObject({ phase: 'sent' });
    expect(classifyError(fault)).toMatchObject(lost);
    session.release();
    await cluster.shards.one.primary.restart();
    root = await sessions.admin(cluster.shards.one.primary.adminUrl);
    await eventually(
      async () => {
        const next = await sessions.acquire(pool);
        expect(await sessions.run(next, "SELECT 'one' AS one")).toMatchObject({
          rows: [{ one: 'one' }],
        });
        next.release();
      },
      { timeout: 10_000 },
    );
  });
});

describe('what COMMIT is answered', () => {
  const commit = (session: Session) => session.control('COMMIT', sessions.deadline(), 'committing');
  const begun = async (id: number) => {
    const session = await sessions.acquire(pool);
    for (const text of ['BEGIN', 'SET SESSION lock_wait_timeout = 1']) await control(session, text);
    await sessions.run(session, 'INSERT INTO accounts VALUES (?)', [id]);
    return session;
  };
  const exists = async (id: number) => {
    const [rows] = await root.query('SELECT id FROM accounts WHERE id = ?', [id]);
    return rows;
  };

  it('lock wait: it was rolled back', async () => {
    const session = await begun(20);
    const backup = await sessions.admin(cluster.shards.one.primary.adminUrl);
    await backup.query('FLUSH TABLES WITH READ LOCK');
    const fault = await failureOf(commit(session));
    await backup.query('UNLOCK TABLES');
    session.release();
    expect(fault).toMatchObject({ errno: 1205, phase: 'committing' });
    expect(classifyError(fault)).toMatchObject({
      kind: 'transaction-rolled-back',
      retryable: true,
      outcome: 'not-applied',
    });
    expect(await exists(20)).toEqual([]);
  });

  it('read-only: it was rolled back', async () => {
    const session = await begun(21);
    await root.query('SET GLOBAL read_only = 1');
    const fault = await failureOf(commit(session));
    await root.query('SET GLOBAL read_only = 0');
    session.release();
    expect(fault).toMatchObject({ errno: 1290, phase: 'committing' });
    expect(classifyError(fault)).toMatchObject({
      kind: 'topology',
      retryable: true,
      outcome: 'not-applied',
    });
    expect(await exists(21)).toEqual([]);
  });

  it('KILL QUERY: nobody can say', async () => {
    const session = await begun(22);
    await control(session, 'SET SESSION lock_wait_timeout = 1000');
    const id = await sessions.idOf(session);
    const backup = await sessions.admin(cluster.shards.one.primary.adminUrl);
    await backup.query('FLUSH TABLES WITH READ LOCK');
    const committing = failureOf(commit(session));
    await isRunning('COMMIT');
    await root.query(`KILL QUERY ${id}`);
    const fault = await committing;
    await backup.query('UNLOCK TABLES');
    expect(fault).toMatchObject({ errno: 1317, phase: 'committing' });
    expect(classifyError(fault)).toMatchObject(lost);
    session.discard();
  });
});
