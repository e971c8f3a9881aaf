import { RoutingError } from 'meridian';
import { describe, expect, it } from 'vitest';
import { assertRead, assertWrite } from '../../../../src/rows/raw/raw-statement.ts';

const reads = [
  'SELECT 1',
  '  select 1',
  '(SELECT 1) UNION (SELECT 2)',
  '/* why */ SELECT 1',
  '-- why\nSELECT 1',
  '# why\nSELECT 1',
  "/* it's */ SELECT 'DELETE'",
  'WITH x AS (SELECT 1) SELECT * FROM x',
  'WITH x AS (SELECT REPLACE(a, 1, 2) FROM t) SELECT * FROM x',
  "WITH x AS (SELECT 'UPDATE' AS `delete`) SELECT * FROM x",
  'SHOW TABLES',
  'EXPLAIN SELECT 1',
  'EXPLAIN DELETE FROM users',
  'SELECT /*+ INDEX(a) */ 1',
  "SELECT '/*! no comment */', `/*!`",
  'SELECT 1 -- /*! a comment in a comment */',
];

const noReads = [
  '',
  'UPDATE users SET a = 1',
  'DELETE FROM users',
  'INSERT INTO users VALUES (1)',
  'WITH x AS (SELECT 1) UPDATE users, x SET a = 1',
  'WITH x AS (SELECT 1) DELETE FROM users',
  "WITH x AS (SELECT 1) -- don't\nDELETE FROM users WHERE a = 'b'",
  "WITH x AS (SELECT 1) # don't\nDELETE FROM users WHERE a = 'b'",
  'WITH x AS (SELECT 1) /*! DELETE FROM users */',
  '/*! DELETE FROM users WHERE id IN (*/ SELECT 1 /*!)*/',
  '/*M! DELETE FROM users WHERE id IN (*/ SELECT 1 /*M!)*/',
  '/*!50000 DELETE FROM users */',
  '--\nDELETE FROM users WHERE id IN (\nSELECT 1)',
  'EXPLAIN ANALYZE DELETE users FROM users, x',
  'SET @a = 1',
  'BEGIN',
  'COMMIT',
  'LOCK TABLES users WRITE',
  'DROP TABLE users',
  'DO SLEEP(1)',
  'HANDLER users OPEN',
  'DESC ANALYZE DELETE users FROM users, x',
  'DESCRIBE ANALYZE UPDATE users, x SET a = 1',
  'SELECT /*! 1 */',
  'SELECT 1 /*M!100000 , 2 */',
  "SELECT 1 --\u0001'\n, GET_LOCK('a', 0) -- '",
  'ANALYZE UPDATE users SET a = 1',
  'SET STATEMENT max_statement_time = 1 FOR SELECT 1',
  'EXECUTE IMMEDIATE "SET @a = 1"',
];

const writes = [
  'UPDATE users SET a = 1',
  '-- why\nDELETE FROM users',
  'insert into users values (1)',
  'REPLACE INTO users VALUES (1)',
  'WITH x AS (SELECT 1) DELETE FROM users',
];

const leaks = [
  'BEGIN',
  'START TRANSACTION',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT a',
  'SET autocommit = 0',
  'SET @a = 1',
  'LOCK TABLES users WRITE',
  'USE other',
  'PREPARE x FROM "SELECT 1"',
  'XA START "x"',
  'CREATE TEMPORARY TABLE x (a INT)',
  'CREATE OR REPLACE TEMPORARY TABLE x (a INT)',
  '/*! SET autocommit = 0 */',
  'CREATE /*! TEMPORARY */ TABLE x (a INT)',
  'CREATE /*!99999 OR REPLACE */ TEMPORARY TABLE x (a INT)',
  'INSERT INTO users VALUES (/*M! @x := */ 1)',
  'FLUSH TABLES WITH READ LOCK',
  'BEGIN NOT ATOMIC SET @a = 1; END',
];

describe('query()', () => {
  it.each(reads)('takes: %s', (sql) => expect(() => assertRead(sql)).not.toThrow());
  it.each(noReads)('refuses: %s', (sql) => expect(() => assertRead(sql)).toThrow(RoutingError));
});

describe('execute()', () => {
  it.each(writes)('takes: %s', (sql) => {
    for (const inside of [true, false]) expect(() => assertWrite(sql, inside)).not.toThrow();
  });
  it.each(leaks)('refuses what would outlive it: %s', (sql) => {
    for (const inside of [true, false])
      expect(() => assertWrite(sql, inside)).toThrow(RoutingError);
  });
  it('takes a definition outside of a transaction, which it would commit', () => {
    expect(() => assertWrite('CREATE TABLE x (a INT)', false)).not.toThrow();
    expect(() => assertWrite('CREATE TABLE x (a INT)', true)).toThrow(RoutingError);
  });
  it('says that a read belongs to query()', () => {
    expect(() => assertWrite('SELECT 1', false)).toThrow(/Use query\(\)/);
  });
});
