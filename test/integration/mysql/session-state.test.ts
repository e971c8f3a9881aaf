import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointPool } from '../../../src/mysql/server/endpoint-pool.ts';
import { isMariadb } from '../../support/servers/server-flavor.ts';
import { ServerSessions } from '../../support/servers/server-sessions.ts';

const isolationLevel = isMariadb ? 'tx_isolation' : 'transaction_isolation';

let cluster: LocalCluster<'one'>;
let root: Connection;
let sessions: ServerSessions;

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: ['one'] });
  sessions = new ServerSessions();
  root = await sessions.admin(cluster.shards.one.primary.adminUrl);
});

afterAll(async () => {
  await sessions.close();
  await cluster.stop();
});

const text = 'hi 😀 ü';

/** What a new session makes of statements, on a server with such defaults. */
async function under<T>(
  variables: Readonly<Record<string, string>>,
  work: (pool: EndpointPool) => Promise<T>,
): Promise<T> {
  const before = new Map<string, unknown>();
  for (const [name, value] of Object.entries(variables)) {
    const [[row]] = await root.query<RowDataPacket[]>(`SELECT CONCAT(@@GLOBAL.${name}) AS value`);
    before.set(name, row?.value);
    await root.query(`SET GLOBAL ${name} = ${value}`);
  }
  const pool = sessions.pool(cluster.shards.one.primary.url);
  try {
    return await work(pool);
  } finally {
    await pool.close();
    // As text, and as it is: the greatest limit is beyond what doubles hold.
    for (const [name, value] of before) {
      const literal = /^\d+$/.test(String(value)) ? value : root.escape(value);
      await root.query(`SET GLOBAL ${name} = ${literal}`);
    }
  }
}

async function ask(pool: EndpointPool, sql: string, params: readonly string[] = []) {
  const session = await sessions.acquire(pool);
  try {
    return (await sessions.run(session, sql, params)).rows;
  } finally {
    session.release();
  }
}

describe('a session on a server with other defaults', () => {
  it.each(['SET NAMES latin1', 'SET NAMES utf8mb3', "SET SESSION sql_mode='ANSI_QUOTES'"])(
    'V2: init_connect=%s',
    async (init) => {
      await under({ init_connect: `"${init}"` }, async (pool) => {
        expect(await ask(pool, 'SELECT ? AS echo, HEX(?) AS bytes', [text, text])).toEqual([
          { echo: text, bytes: Buffer.from(text).toString('hex').toUpperCase() },
        ]);
      });
    },
  );

  it.each([
    'ANSI_QUOTES',
    'NO_BACKSLASH_ESCAPES',
    'PIPES_AS_CONCAT',
    'PAD_CHAR_TO_FULL_LENGTH',
    ...(isMariadb ? ['EMPTY_STRING_IS_NULL', 'ORACLE'] : ['TIME_TRUNCATE_FRACTIONAL']),
    'NO_ZERO_DATE',
    '',
  ])('S9, V10, A12: sql_mode=%s', async (mode) => {
    await under({ sql_mode: `'${mode}'` }, async (pool) => {
      const session = await sessions.acquire(pool);
      await session.control(
        'CREATE TEMPORARY TABLE padded (id CHAR(10), n INT AUTO_INCREMENT PRIMARY KEY)',
        sessions.deadline(),
      );
      await sessions.run(session, "INSERT INTO padded VALUES ('K4', 0), (?, 5)", ['']);
      const { rows } = await sessions.run(session, 'SELECT id, n FROM padded ORDER BY n');
      expect(rows).toEqual([
        { id: 'K4', n: 0 },
        { id: '', n: 5 },
      ]);
      const literals = await sessions.run(
        session,
        `SELECT "a'" AS a, '\\'b' AS b, CONCAT(1 || 0) AS c`,
      );
      expect(literals.rows).toMatchObject([{ a: "a'", b: "'b", c: '1' }]);
      session.discard();
    });
  });

  it('A12: reads nothing that is not committed, and has no limit, chain or check of the server’s', async () => {
    const variables = {
      [isolationLevel]: "'READ-UNCOMMITTED'",
      sql_select_limit: '1',
      completion_type: '1',
      autocommit: '0',
      foreign_key_checks: '0',
      sql_auto_is_null: '1',
      time_zone: "'+05:00'",
    };
    await under(variables, async (pool) => {
      expect(
        await ask(
          pool,
          `SELECT @@${isolationLevel} AS isolation, @@completion_type AS completion, CONCAT(@@autocommit + 0) AS auto,
             CONCAT(@@foreign_key_checks + 0) AS checks, CONCAT(@@sql_auto_is_null + 0) AS magic, @@time_zone AS zone`,
        ),
      ).toMatchObject([
        {
          isolation: 'REPEATABLE-READ',
          completion: 'NO_CHAIN',
          auto: '1',
          checks: '1',
          magic: '0',
          zone: '+00:00',
        },
      ]);
      expect(await ask(pool, 'SELECT 1 AS one UNION SELECT 2')).toHaveLength(2);
    });
    for (const isolation of ['READ-COMMITTED', 'SERIALIZABLE']) {
      await under({ [isolationLevel]: `'${isolation}'` }, async (pool) => {
        expect(await ask(pool, `SELECT @@${isolationLevel} AS isolation`)).toEqual([{ isolation }]);
      });
    }
  });
});

describe('Z7: an answer that the driver can’t read', () => {
  it('is no lost connection, and the next caller gets another one', async () => {
    const pool = sessions.pool(cluster.shards.one.primary.url);
    const session = await sessions.acquire(pool);
    const run = async () => sessions.run(session, 'SELECT 1 AS `__proto__`');
    const fault = await run().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (fault !== undefined) expect(fault).toMatchObject({ code: 'UNREADABLE_ANSWER' });
    session.release();
    const next = await sessions.acquire(pool);
    expect((await sessions.run(next, "SELECT 'one' AS one")).rows).toEqual([{ one: 'one' }]);
    next.release();
  });
});
