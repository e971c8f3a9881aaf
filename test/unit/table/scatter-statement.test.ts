import { MergeError } from 'meridian';
import { expect, it } from 'vitest';
import { assertNoReference, planScatter } from '../../../src/table/scatter-statement.ts';

const references = new Set(['currencies']);

it.each([
  'SELECT * FROM currencies',
  'SELECT * FROM `Currencies` c LEFT JOIN items i ON i.v = c.code WHERE i.id IS NULL',
  'SELECT code FROM currencies WHERE NOT EXISTS (SELECT 1 FROM items)',
])('%s gives rows of a reference table once from each shard, and is refused', (sql) => {
  expect(() => assertNoReference(sql, references)).toThrow(MergeError);
});

it.each([
  'SELECT * FROM items JOIN currencies c ON c.code = items.v',
  'SELECT * FROM items WHERE v IN (SELECT code FROM currencies)',
  "SELECT 'FROM currencies' FROM items",
  'SELECT 1',
])('%s is each row once', (sql) => {
  expect(() => assertNoReference(sql, references)).not.toThrow();
});

it.each(['SELECT 1', 'SELECT NOW()', 'SELECT 1 FROM DUAL', '(SELECT 1)', 'VALUES ROW(1)'])(
  '%s reads no table, so that each shard would answer it once',
  (sql) => {
    expect(() => planScatter(sql, [], {})).toThrow(/without FROM/);
  },
);

it('what reads a table, or tells of a shard, is sent to all', () => {
  for (const sql of [
    'SELECT id FROM items',
    'SHOW TABLES',
    'WITH a AS (SELECT 1) SELECT * FROM a',
  ]) {
    expect(planScatter(sql, [], {}).sql).toBe(sql);
  }
});
