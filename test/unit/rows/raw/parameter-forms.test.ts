import { defineTable, RowError } from 'meridian';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { assertParameterForms } from '../../../../src/rows/raw/parameter-forms.ts';

const orders = defineTable({
  name: 'orders',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({ id: z.uuid(), code: z.string(), cents: z.bigint(), total: z.string() }),
  columns: { total: 'decimal' },
});
const lines = defineTable({
  name: 'lines',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({ id: z.bigint(), code: z.int() }),
});
const tables = [orders, lines];
const check = (kind: 'read' | 'change', sql: string, ...params: (number | bigint | string)[]) =>
  assertParameterForms(kind, sql, params, tables);

it.each([
  ['SELECT * FROM orders WHERE code = ?', 5],
  ['SELECT * FROM orders WHERE code IN (?)', 5n],
  ['SELECT * FROM orders o JOIN lines l ON l.id = o.cents WHERE o.code = ?', 5],
])('%s: a number beside a text column is refused in a read', (sql, param) => {
  expect(() => check('read', sql, param)).toThrow(RowError);
  expect(() => check('read', sql, param)).toThrow(/orders\.code holds text/);
  expect(() => check('read', sql, String(param))).not.toThrow();
});

it('a number is let through where it is meant, may be meant, or is stored', () => {
  for (const sql of [
    'SELECT * FROM orders WHERE cents = ?',
    'SELECT * FROM orders WHERE total > ?',
    'SELECT * FROM orders o JOIN lines l ON l.id = o.cents WHERE code = ?',
    'SELECT * FROM orders WHERE LENGTH(code) = ?',
    'SELECT * FROM elsewhere WHERE code = ?',
  ]) {
    expect(() => check('read', sql, 5)).not.toThrow();
  }
  expect(() => check('change', 'UPDATE orders SET code = ?', 5)).not.toThrow();
});
