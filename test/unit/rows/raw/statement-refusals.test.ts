import { RoutingError } from 'meridian';
import { describe, expect, it } from 'vitest';
import { assertRead, assertWrite } from '../../../../src/rows/raw/raw-statement.ts';

const returning = [
  'INSERT INTO t (a) VALUES (1) RETURNING id',
  'INSERT INTO t SELECT 1 returning id',
  'REPLACE INTO t VALUES (1) RETURNING id',
  'DELETE FROM t WHERE a = 1 RETURNING/**/id',
];
const explained = [
  'ANALYZE UPDATE t SET a = 1',
  'ANALYZE FORMAT=JSON DELETE FROM t',
  'ANALYZE INSERT INTO t VALUES (1)',
  'ANALYZE SELECT 1',
  'EXPLAIN ANALYZE DELETE t FROM t, x',
  'EXPLAIN ANALYZE FORMAT=TREE UPDATE t, x SET a = 1',
  'DESC ANALYZE INSERT INTO t SELECT 1',
  'EXPLAIN ANALYZE REPLACE INTO t SELECT 1',
  'WITH x AS (SELECT 1) SELECT * FROM x',
];
const sequences = [
  'SELECT SETVAL(s, 100)',
  'SELECT setval (s, 100)',
  'SELECT `SETVAL`(s, 100)',
  'SELECT LAST_INSERT_ID(77)',
  'SELECT LAST_INSERT_ID 1.e(77)',
  'SELECT last_insert_id/**/(a) FROM t',
];
const draws = ['SELECT NEXTVAL(s)', 'SELECT NEXT VALUE FOR s', 'SELECT NEXT -- why\nVALUE FOR s'];
const ofSession = [
  'SELECT LAST_INSERT_ID()',
  'SELECT LAST_INSERT_ID( )',
  'SELECT `last_insert_id`()',
  'SELECT FOUND_ROWS()',
  'SELECT ROW_COUNT()',
  'SELECT LASTVAL(s)',
  'SELECT PREVIOUS VALUE FOR s',
  'SELECT SQL_CALC_FOUND_ROWS a FROM t',
  'SELECT @@identity',
  'SELECT @@session.last_insert_id',
  'SELECT @@`local`.`last_insert_id`',
  'SELECT @@LAST_GTID',
  'SELECT @@warning_count',
  'SHOW WARNINGS',
  'show count(*) errors',
];
const locking = [
  'SELECT 1 FOR UPDATE',
  'SELECT a FROM t FOR/**/SHARE',
  'SELECT a FROM t LOCK IN SHARE MODE',
  '(SELECT a FROM t FOR UPDATE) UNION (SELECT 1)',
  'SELECT 1FROM t WHERE a=1.FOR UPDATE',
];

describe('execute()', () => {
  it.each(returning)('A4: refuses rows instead of a count: %s', (sql) => {
    for (const inside of [true, false]) {
      expect(() => assertWrite(sql, inside)).toThrow(RoutingError);
      expect(() => assertWrite(sql, inside)).toThrow(/insertId/);
    }
  });
  it.each(explained)('A4: refuses what gives rows: %s', (sql) => {
    for (const inside of [true, false])
      expect(() => assertWrite(sql, inside)).toThrow(RoutingError);
  });
  it('A4: takes the words as names and data', () => {
    for (const sql of [
      'UPDATE t SET `returning` = 1',
      "INSERT INTO t VALUES ('RETURNING')",
      "INSERT INTO t SELECT JSON_VALUE(a, '$.b' RETURNING SIGNED) FROM x",
      'UPDATE t SET t.returning = 1',
      'ANALYZE TABLE t',
      'ANALYZE LOCAL TABLE t',
    ]) {
      expect(() => assertWrite(sql, false), sql).not.toThrow();
    }
  });
  it('S4: refuses the session’s values as a value to store, and takes those that it sets', () => {
    for (const value of ['LAST_INSERT_ID()', 'FOUND_ROWS()', '@@identity', 'LASTVAL(s)']) {
      expect(() => assertWrite(`INSERT INTO t VALUES (${value})`, false), value).toThrow(
        /insertId/,
      );
      expect(() => assertWrite(`INSERT INTO t VALUES (${value})`, true), value).not.toThrow();
    }
    expect(() => assertWrite('UPDATE t SET a = LAST_INSERT_ID(a + 1)', false)).not.toThrow();
    expect(() =>
      assertWrite('INSERT INTO t VALUES (NEXTVAL(s), NEXT VALUE FOR s)', false),
    ).not.toThrow();
  });
  it('takes one statement a call', () => {
    expect(() => assertWrite('UPDATE t SET a = 1;', false)).not.toThrow();
    expect(() => assertWrite('UPDATE t SET a = 1; DELETE FROM t', false)).toThrow(/one statement/);
  });
});

describe('query()', () => {
  it.each(sequences)('A14, Z9: refuses a change that looks like a read: %s', (sql) => {
    for (const inside of [true, false]) expect(() => assertRead(sql, inside)).toThrow(RoutingError);
  });
  it.each(draws)('A14, Z9: draws from a sequence in a transaction only: %s', (sql) => {
    expect(() => assertRead(sql)).toThrow(/transaction\(\)/);
    expect(() => assertRead(sql, true)).not.toThrow();
  });
  it.each(explained.slice(0, -1))('A14: refuses to run what is explained: %s', (sql) => {
    for (const inside of [true, false]) expect(() => assertRead(sql, inside)).toThrow(RoutingError);
  });
  it.each(ofSession)('S4: needs a transaction for what the session knows: %s', (sql) => {
    expect(() => assertRead(sql)).toThrow(/insertId/);
    expect(() => assertRead(sql, true)).not.toThrow();
  });
  it.each(locking)('S11: needs a transaction for locks: %s', (sql) => {
    expect(() => assertRead(sql)).toThrow(/transaction\(\)/);
    expect(() => assertRead(sql, true)).not.toThrow();
  });
  it('S4, S11: takes the words as names and data', () => {
    for (const sql of [
      "SELECT 'FOR UPDATE', `LAST_INSERT_ID`, last_insert_id FROM t -- FOUND_ROWS()",
      'SELECT t.for, @@server_id, CONNECTION_ID(), found_rows FROM t',
      'SHOW TABLES',
    ]) {
      expect(() => assertRead(sql), sql).not.toThrow();
    }
  });
  it.each(['\u00a0', '\u2003', '\ufeff'])('A13: %j after -- hides nothing', (space) => {
    expect(() => assertRead(`SELECT 1 --${space}, GET_LOCK('a', 0)`)).toThrow(RoutingError);
    expect(() => assertRead(`SELECT 1 --${space}\n, @x := 1`)).toThrow(RoutingError);
    expect(() => assertRead(`SELECT${space}1`)).toThrow(RoutingError);
  });
  it('A13: numbers that servers drop or end early hide nothing', () => {
    for (const sql of [
      "SELECT GET_LOCK 1.e('a', 0)",
      "SELECT 1e1INTO OUTFILE '/tmp/x'",
      'SELECT 1.INTO @x',
      "SELECT /*+ QB_NAME(`*/ '`) */ 1 INTO @x -- '",
      "SELECT $$ ' $$, GET_LOCK('a', 0) -- '",
      "SELECT 1 -- \0 , GET_LOCK('a', 0)",
    ]) {
      expect(() => assertRead(sql), sql).toThrow(RoutingError);
    }
  });
});

it.each([
  ['CHECK TABLE users', /looks after the server/],
  ['KILL 12', /looks after the server/],
  ['SET NAMES latin1', /change the connection/],
  ['BEGIN', /use transaction\(\)/],
  ['CALL pay()', /statements of the procedure/],
])('%s is refused by query() without naming execute()', (sql, cure) => {
  expect(() => assertRead(sql)).toThrow(cure);
  expect(() => assertRead(sql)).not.toThrow(/Use execute/);
});

it('a common table expression may have the name of a function', () => {
  const sql =
    'WITH row_count (n) AS (SELECT 1), found_rows (n) AS (SELECT 2) SELECT n FROM row_count';
  expect(() => assertRead(sql)).not.toThrow();
  expect(() => assertRead('SELECT ROW_COUNT(), FOUND_ROWS()')).toThrow();
});
