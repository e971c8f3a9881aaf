import { classifyError } from 'meridian/resilience';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DriverFault } from '../../../src/errors/driver-fault.ts';
import type { EndpointPool } from '../../../src/mysql/server/endpoint-pool.ts';
import type { Session } from '../../../src/mysql/server/session.ts';
import { failureOf } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { isMariadb } from '../../support/servers/server-flavor.ts';
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
  for (const sql of [
    'CREATE TABLE accounts (id INT PRIMARY KEY, cents TINYINT NOT NULL, name VARCHAR(3), CHECK (cents >= 0))',
    'CREATE TABLE parts (id INT PRIMARY KEY, account INT, FOREIGN KEY (account) REFERENCES accounts (id))',
    'INSERT INTO accounts VALUES (1, 1, "a"), (2, 2, "b")',
    'SET GLOBAL max_heap_table_size = 16384',
    ...(isMariadb ? ['SET GLOBAL innodb_snapshot_isolation = ON'] : []),
  ]) {
    await root.query(sql);
  }
});

afterAll(async () => {
  await sessions.close();
  await cluster.stop();
});

beforeEach(() => {
  pool = sessions.pool(cluster.shards.one.primary.url, 2);
});

afterEach(() => pool.close());

/** What is said of the error of one statement. */
interface Answer {
  readonly errno: number | undefined;
  readonly kind: string;
  readonly retryable: boolean;
  readonly repeat: string;
  readonly connection: 'keep' | 'roll-back' | 'close';
}

const refused = {
  kind: 'permanent',
  retryable: false,
  repeat: 'never',
  connection: 'keep',
} as const;
const stale = { ...refused, repeat: 're-prepared' } as const;
const noRoom = { kind: 'overload', retryable: true, repeat: 'elsewhere' } as const;
const demoted = {
  kind: 'topology',
  retryable: true,
  repeat: 'after-pause',
  connection: 'close',
} as const;
const cancelled = {
  kind: 'statement-rolled-back',
  retryable: false,
  repeat: 'never',
  connection: 'roll-back',
} as const;
const locked = { ...cancelled, retryable: true, repeat: 'after-pause' } as const;
const rolledBack = { ...locked, kind: 'transaction-rolled-back' } as const;

type Provoke = (session: Session, id: number) => Promise<unknown>;
const sql =
  (text: string): Provoke =>
  (session) =>
    sessions.run(session, text);
const control =
  (...texts: string[]): Provoke =>
  async (session) => {
    for (const text of texts) await session.control(text, sessions.deadline());
  };
/** With a variable of the server set for the time of it. */
const given =
  (variable: string, value: string | number, provoke: Provoke): Provoke =>
  async (session, id) => {
    const [[before]] = await root.query<RowDataPacket[]>(`SELECT @@GLOBAL.${variable} AS value`);
    await root.query(`SET GLOBAL ${variable} = ${value}`);
    try {
      return await provoke(session, id);
    } finally {
      await root.query(`SET GLOBAL ${variable} = ?`, [before?.value]);
    }
  };
/** While it runs, somebody kills it. */
const killed =
  (what: 'QUERY' | 'CONNECTION', text: string): Provoke =>
  async (session, id) => {
    const running = sessions.run(session, text);
    await isRunning(text);
    await root.query(`KILL ${what} ${id}`);
    return running;
  };

async function isRunning(text: string): Promise<void> {
  await eventually(async () => {
    const [rows] = await root.query(
      'SELECT id FROM information_schema.processlist WHERE info = ? AND id <> CONNECTION_ID()',
      [text],
    );
    expect(rows).toHaveLength(1);
  });
}

const endless = `SELECT COUNT(*) FROM ${numbers(6)}, ${numbers(6, 'others')}`;
const onLockedRow =
  (text: string): Provoke =>
  async (session) => {
    await root.query('BEGIN');
    await root.query('UPDATE accounts SET cents = cents WHERE id = 1');
    try {
      return await sessions.run(session, text);
    } finally {
      await root.query('ROLLBACK');
    }
  };

const deadlock: Provoke = async (session) => {
  await root.query('BEGIN');
  // The one that changed more is let live.
  await root.query('UPDATE accounts SET name = "x" WHERE id = 2');
  await root.query('INSERT INTO accounts VALUES (10, 1, "c"), (11, 1, "c"), (12, 1, "c")');
  await control('BEGIN')(session, 0);
  await sessions.run(session, 'UPDATE accounts SET name = "y" WHERE id = 1');
  const other = root.query('UPDATE accounts SET name = "x" WHERE id = 1');
  try {
    return await sessions.run(session, 'UPDATE accounts SET name = "y" WHERE id = 2');
  } finally {
    await other;
    await root.query('ROLLBACK');
  }
};

const changedSince: Provoke = async (session) => {
  await control('BEGIN')(session, 0);
  await sessions.run(session, 'SELECT * FROM accounts');
  await root.query('UPDATE accounts SET cents = cents + 1 WHERE id = 1');
  return sessions.run(session, 'UPDATE accounts SET cents = 5 WHERE id = 1');
};

const fullTable: Provoke = async (session) => {
  await sessions.run(session, 'CREATE TABLE full (a CHAR(200)) ENGINE=MEMORY');
  try {
    return await sessions.run(session, `INSERT INTO full SELECT "x" FROM ${numbers(4)}`);
  } finally {
    await root.query('DROP TABLE full');
  }
};

type Row = [what: string, provoke: Provoke, answer: Answer];
const mariadbOnly = (rows: readonly Row[]) => (isMariadb ? rows : []);

const table: Row[] = [
  ['duplicate key', sql('INSERT INTO accounts VALUES (1, 1, "a")'), { errno: 1062, ...refused }],
  ['syntax', sql('SELEC 1'), { errno: 1064, ...refused }],
  ['unknown table', sql('SELECT * FROM nowhere'), { errno: 1146, ...stale }],
  ['unknown column', sql('SELECT nothing FROM accounts'), { errno: 1054, ...refused }],
  ['a table it may not see', sql('SELECT * FROM mysql.user'), { errno: 1142, ...refused }],
  ['missing parent', sql('INSERT INTO parts VALUES (1, 99)'), { errno: 1452, ...refused }],
  ['text too long', sql('INSERT INTO accounts VALUES (3, 1, "long")'), { errno: 1406, ...refused }],
  ['out of range', sql('INSERT INTO accounts VALUES (3, 999, "a")'), { errno: 1264, ...refused }],
  [
    'check constraint',
    sql('INSERT INTO accounts VALUES (3, -1, "a")'),
    { errno: isMariadb ? 4025 : 3819, ...refused },
  ],
  ['null', sql('INSERT INTO accounts VALUES (3, NULL, "a")'), { errno: 1048, ...refused }],
  ['full table', fullTable, { errno: 1114, ...noRoom, connection: 'roll-back' }],
  ['deadlock', deadlock, { errno: 1213, ...rolledBack }],
  ...mariadbOnly([
    ['record changed since last read', changedSince, { errno: 1020, ...rolledBack }],
  ]),
  [
    'NOWAIT',
    onLockedRow('SELECT * FROM accounts WHERE id = 1 FOR UPDATE NOWAIT'),
    { errno: isMariadb ? 1205 : 3572, ...locked },
  ],
  [
    'lock wait',
    async (session, id) => {
      await control('SET SESSION innodb_lock_wait_timeout = 1')(session, id);
      return onLockedRow('SELECT * FROM accounts WHERE id = 1 FOR UPDATE')(session, id);
    },
    { errno: 1205, ...locked },
  ],
  ['KILL QUERY', killed('QUERY', endless), { errno: 1317, ...cancelled }],
  [
    'time limit',
    isMariadb
      ? sql(`SET STATEMENT max_statement_time = 0.05 FOR ${endless}`)
      : sql(endless.replace('SELECT', 'SELECT /*+ MAX_EXECUTION_TIME(50) */')),
    { errno: isMariadb ? 1969 : 3024, ...cancelled },
  ],
  ['unknown statement', control('EXECUTE nothing'), { errno: 1243, ...stale }],
  ['unknown branch', control("XA COMMIT 'none'"), { errno: 1397, ...refused, connection: 'close' }],
  [
    'branch in a wrong state',
    control("XA START 'a'", "XA COMMIT 'a'"),
    { errno: 1399, ...refused, connection: 'close' },
  ],
  [
    'branch inside a branch',
    control("XA START 'b'", 'BEGIN'),
    { errno: 1399, ...refused, connection: 'close' },
  ],
  [
    'read-only server',
    given('read_only', 1, sql('DELETE FROM parts')),
    { errno: 1290, ...demoted },
  ],
  ['a right it lacks', sql("SELECT 1 INTO OUTFILE '/nowhere/x'"), { errno: 1227, ...refused }],
  [
    'read-only transaction',
    control('START TRANSACTION READ ONLY', 'DELETE FROM parts'),
    { errno: 1792, ...demoted },
  ],
  [
    'too many prepared',
    given('max_prepared_stmt_count', 0, sql('SELECT 1')),
    { errno: 1461, ...noRoom, connection: 'close' },
  ],
];

describe('what a statement is answered', () => {
  it.each(table)('%s', async (_, provoke, { errno, ...answer }) => {
    const session = await sessions.acquire(pool);
    const id = await sessions.idOf(session);
    const fault = await failureOf(provoke(session, id));
    session.release();
    expect(fault).toBeInstanceOf(DriverFault);
    expect(fault).toMatchObject({ errno, phase: 'sent' });
    expect(classifyError(fault)).toMatchObject({ ...answer, outcome: 'not-applied' });
    const next = await sessions.acquire(pool);
    // Refused inside a transaction.
    await next.control('SET TRANSACTION READ WRITE', sessions.deadline());
    const nextId = await sessions.idOf(next);
    next.release();
    if (answer.connection === 'keep') expect(nextId).toBe(id);
    if (answer.connection === 'close') expect(nextId).not.toBe(id);
  });

  it('S7: a packet too large is refused before it is sent, and the connection is kept', async () => {
    await root.query('SET GLOBAL max_allowed_packet = 1048576');
    try {
      const session = await sessions.acquire(pool);
      const id = await sessions.idOf(session);
      for (const param of ['x'.repeat(3e6), 'ü'.repeat(6e5), Buffer.alloc(1_048_576)]) {
        const run = async () => sessions.run(session, 'SELECT LENGTH(?)', [param]);
        const fault = await failureOf(run());
        expect(classifyError(fault)).toMatchObject({
          kind: 'permanent',
          outcome: 'not-applied',
          serverFault: false,
        });
      }
      const most = 'x'.repeat(1_048_576 - 200);
      const { rows } = await sessions.run(session, 'SELECT LENGTH(?) AS n', [most]);
      expect(Number(rows[0]?.n)).toBe(most.length);
      session.release();
      const next = await sessions.acquire(pool);
      expect(await sessions.idOf(next)).toBe(id);
      next.release();
    } finally {
      await root.query('SET GLOBAL max_allowed_packet = 16777216');
    }
  });
});
