import { RoutingError } from 'meridian';
import { describe, expect, it } from 'vitest';
import { assertRead, assertWrite } from '../../../../src/rows/raw/raw-statement.ts';

const lastingReads = [
  "SELECT GET_LOCK('a', 0)",
  "SELECT get_lock ('a', 0)",
  "SELECT GET_LOCK/* why */('a', 0)",
  "SELECT /*! GET_LOCK('a', 0) */",
  "SELECT `GET_LOCK`('a', 0)",
  "SELECT RELEASE_LOCK('a')",
  'SELECT RELEASE_ALL_LOCKS()',
  'SELECT @x := 1',
  'SELECT @x:=1',
  'WITH x AS (SELECT 1) SELECT @x := 1 FROM x',
  'SELECT 1 INTO @x',
  'SELECT 1 INTO@x',
  'SELECT 1 into\n@x',
  "SELECT 1 INTO OUTFILE '/tmp/x'",
  "SELECT 1 INTO/**/OUTFILE '/tmp/x'",
  "SELECT 1 INTO DUMPFILE '/tmp/x'",
];

const lastingWrites = [
  "INSERT INTO users (a) SELECT GET_LOCK('a', 0)",
  "UPDATE users SET a = GET_LOCK('a', 0)",
  "DELETE FROM users WHERE RELEASE_LOCK('a')",
  'UPDATE users SET a = (@x := a + 1)',
  'INSERT INTO users (a) SELECT @x := 1',
  'DELETE FROM users RETURNING a INTO @x',
  "REPLACE INTO users SELECT 1 INTO OUTFILE '/tmp/x'",
  ...lastingReads,
];

const harmlessReads = [
  'SELECT \'GET_LOCK(\', "@x := 1", `INTO OUTFILE`',
  "SELECT 'it''s INTO @x', 'a \\' INTO OUTFILE'",
  "SELECT 1 /* GET_LOCK('a', 0) INTO @x */",
  'SELECT 1 -- @x := 1',
  'SELECT 1 # INTO OUTFILE',
  'SELECT @@in_transaction',
  'SELECT get_locks, outfiles FROM users',
];

const harmlessWrites = [
  "INSERT INTO users (a) VALUES ('GET_LOCK(')",
  'UPDATE users SET a = \':=\', b = "INTO @x"',
  'INSERT INTO users (`INTO OUTFILE`) VALUES (1)',
  "DELETE FROM users /* RELEASE_LOCK('a') */ WHERE a = 1 -- @x := 1",
  'INSERT INTO outfiles (a) SELECT a FROM users',
];

describe('query()', () => {
  it.each(lastingReads)('refuses what outlives it: %s', (sql) => {
    expect(() => assertRead(sql)).toThrow(RoutingError);
    // Again: a refused text must not have become a known one.
    expect(() => assertRead(sql)).toThrow(RoutingError);
  });
  it.each(harmlessReads)('takes the words as data: %s', (sql) =>
    expect(() => assertRead(sql)).not.toThrow(),
  );
});

describe('execute()', () => {
  it.each(['CALL p()', 'call p(1, 2)', '/* why */ CALL p()'])(
    'refuses a procedure, and names transaction(): %s',
    (sql) => {
      for (const inside of [true, false]) {
        expect(() => assertWrite(sql, inside)).toThrow(RoutingError);
        expect(() => assertWrite(sql, inside)).toThrow(/transaction\(\)/);
      }
    },
  );
  it.each(lastingWrites)('refuses what outlives it: %s', (sql) => {
    for (const inside of [true, false])
      expect(() => assertWrite(sql, inside)).toThrow(RoutingError);
  });
  it.each(harmlessWrites)('takes the words as data: %s', (sql) => {
    for (const inside of [true, false]) expect(() => assertWrite(sql, inside)).not.toThrow();
  });
});
