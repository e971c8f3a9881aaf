import { isMeridianError } from 'meridian';
import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { assertRead, assertWrite } from '../../../../src/rows/raw/raw-statement.ts';
import { fuzzTimeoutMs, rounds, seed } from '../../../support/fuzzing.ts';
import { SeededRandom } from '../../../support/seeded-random.ts';
import { isMariadb } from '../../../support/servers/server-flavor.ts';

/**
 * Texts that try to hide something from the lexical check. What it lets pass is run, and the server
 * says whether it left a lock, a variable or a transaction, or changed a row. The same again with the
 * seed that a run prints; `MERIDIAN_FUZZ_MINUTES=60` takes as long.
 */

const textsOfRound = 1_500;

const payloads = [
  "GET_LOCK('a', 0)",
  '@x := 1',
  'LAST_INSERT_ID(77)',
  'SETVAL(s, 500)',
  'NEXTVAL(s)',
  'NEXT VALUE FOR s',
  '(SELECT id FROM t LIMIT 1 FOR UPDATE)',
  '1 INTO @x',
  'LAST_INSERT_ID()',
];
const heads = [
  'SELECT 1',
  'SELECT 1.',
  'SELECT .5',
  'SELECT 1e1',
  "SELECT 'a'",
  'SELECT `id`',
  'WITH w AS (SELECT 1) SELECT 1',
  'SELECT 0x1',
  'UPDATE t SET id = 1',
  'UPDATE t SET id = id + 0',
  'DELETE FROM t',
  'ANALYZE UPDATE t SET id = 2',
  'EXPLAIN SELECT 1',
  'INSERT INTO t (id) VALUES (3)',
  '(SELECT 1',
];
const spaces = [
  ' ',
  '\n',
  '\t',
  '\v',
  '\f',
  '\r',
  '\u00a0',
  '\u2028',
  '\u3000',
  '\ufeff',
  '\u0001',
  '\u007f',
  '',
  ' 1.e',
  ' .1e',
  '/**/',
  '/* */',
  '-- \n',
  '--\u0001\n',
  '#\n',
  ' 1.1e(',
  ')',
];
const hiders = [
  "'",
  '"',
  '`',
  '/*',
  '*/',
  '/*!',
  '/*!999999',
  '/*M!',
  '/*+',
  '--',
  '-- ',
  '--\n',
  '--\u00a0',
  '--\u2028',
  '--\u0001',
  '#',
  '\\',
  "\\'",
  "''",
  '""',
  '``',
  ';',
  ',',
  '(',
  ')',
  '$$',
  '\0',
  "N'",
  "x'",
  "_latin1'",
  '@',
  '@@',
  '\n',
  ' ',
];

let cluster: LocalCluster<'one'>;
let connection: Connection;
let outside: Connection;

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: ['one'] });
  const { url } = cluster.shards.one.primary;
  connection = await mysql.createConnection(url);
  outside = await mysql.createConnection(url);
  // Names that only JavaScript takes for space, so that a text with one may be right.
  await outside.query(
    'CREATE TABLE t (id INT, `\u00a0` INT, `\u2028` INT, `\u3000` INT, `\ufeff` INT)',
  );
  if (isMariadb) await outside.query('CREATE SEQUENCE s');
});

afterAll(async () => {
  await connection.end();
  await outside.end();
  await cluster.stop();
});

function textOf(random: SeededRandom): string {
  const some = (choices: readonly string[], most: number) =>
    Array.from({ length: random.below(most + 1) }, () => random.pick(choices)).join('');
  const payload = random
    .pick(payloads)
    .replace(/[ (]/g, (found) => (random.isOneIn(3) ? random.pick(spaces) + found : found));
  const part = () => (random.isOneIn(2) ? some(random.isOneIn(2) ? hiders : spaces, 2) : '');
  const link = random.pick([', ', ' + ', ' ', ' AS a, ', '\n, ', ' WHERE 0 = ']);
  const tail = random.pick(['', ' FROM t', '\n FROM t', ' FROM t LIMIT 1']);
  return random.pick(heads) + part() + link + part() + payload + part() + tail + part();
}

function passes(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (!isMeridianError(error)) throw error;
    return false;
  }
}

const stateOf = async (session: Connection, sql: string) =>
  JSON.stringify((await session.query<RowDataPacket[]>(sql))[0]);

/** What was drawn from the sequence; MySQL has none. */
const drawnOf = async () =>
  isMariadb ? stateOf(outside, 'SELECT next_not_cached_value FROM s') : '';

/** As many as a round has, and more until `isEnough`: texts that no server understands would show nothing. */
async function* texts(random: SeededRandom, isEnough: () => boolean): AsyncGenerator<string> {
  for await (const _ of rounds()) {
    for (let count = 0; count < textsOfRound; count++) yield textOf(random);
  }
  while (!isEnough()) yield textOf(random);
}

it(`A13, A14: what passes does only what it may (MERIDIAN_FUZZ_SEED=${seed})`, {
  timeout: fuzzTimeoutMs,
}, async () => {
  const random = new SeededRandom(seed);
  let ran = 0;
  for await (const sql of texts(random, () => ran > 10)) {
    const isRead = passes(() => assertRead(sql));
    const isWrite = passes(() => assertWrite(sql, false));
    expect(isRead && isWrite, sql).toBe(false);
    if (!isRead && !isWrite) continue;
    await outside.query('DELETE FROM t');
    await outside.query('INSERT INTO t (id) VALUES (1), (2)');
    const rows = await stateOf(outside, 'SELECT id FROM t ORDER BY id');
    const drawn = await drawnOf();
    await connection.query('SELECT LAST_INSERT_ID(5)');
    const session = () =>
      stateOf(
        connection,
        `SELECT IS_USED_LOCK('a') AS held, @x AS variable, ${isMariadb ? '@@in_transaction AS open, ' : ''}@@autocommit AS auto, @@sql_mode AS mode${
          isRead ? ', LAST_INSERT_ID() AS id' : ''
        }`,
      );
    const before = await session();
    const [result] = await connection.execute(sql).catch(() => [undefined]);
    if (result !== undefined) ran++;
    expect(await session(), JSON.stringify(sql)).toBe(before);
    if (isWrite) {
      // What gives no count must not have been let pass.
      if (result !== undefined) expect(Array.isArray(result), JSON.stringify(sql)).toBe(false);
      continue;
    }
    expect(await stateOf(outside, 'SELECT id FROM t ORDER BY id'), JSON.stringify(sql)).toBe(rows);
    expect(await drawnOf(), JSON.stringify(sql)).toBe(drawn);
    connection.unprepare(sql);
  }
});
