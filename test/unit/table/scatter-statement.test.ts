import { MergeError } from 'meridian';
import { expect, it } from 'vitest';
import { assertNoReference } from '../../../src/table/scatter-statement.ts';

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
