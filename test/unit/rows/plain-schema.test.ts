import { expect, it } from 'vitest';
import { z } from 'zod';
import { isPlainSchema } from '../../../src/rows/plain-schema.ts';

const plain = {
  id: z.uuid(),
  email: z.email().max(100),
  name: z.string().min(1).max(50).regex(/^\S/),
  age: z.int().min(0).nullable(),
  cents: z.bigint().positive().optional(),
  share: z.number().multipleOf(0.5).nullish(),
  kind: z.enum(['a', 'b']),
  one: z.literal(1),
  is: z.boolean(),
  at: z.date(),
};

it('texts, numbers, times and choices are plain, with checks that only look', () => {
  expect(isPlainSchema(z.object(plain))).toBe(true);
  expect(isPlainSchema(z.strictObject(plain))).toBe(true);
});

it.each([
  ['a transform', z.string().transform((text) => text)],
  ['a trim', z.string().trim()],
  ['lower case', z.string().toLowerCase()],
  ['a trim in what may be absent', z.string().trim().nullish()],
  ['a coercion', z.coerce.number()],
  ['a default', z.string().default('x')],
  ['a catch', z.string().catch('x')],
  ['a refinement', z.string().refine((text) => text !== 'x')],
  ['a check of its own', z.string().check(({ value }) => void value)],
  ['a pipe', z.string().pipe(z.string())],
  ['a brand of code', z.custom<string>((value) => typeof value === 'string')],
  ['a list', z.array(z.string())],
  ['an object', z.object({ a: z.string() })],
  ['a union', z.union([z.string(), z.number()])],
])('%s is not', (_, column) => {
  expect(isPlainSchema(z.object({ ...plain, column }))).toBe(false);
});

it('nor is a refinement of the whole row', () => {
  expect(isPlainSchema(z.object(plain).refine(({ age }) => age !== 7))).toBe(false);
});
