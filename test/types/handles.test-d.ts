import { expectTypeOf, test } from 'vitest';
import type { Untyped } from '../../src/rows/schema/untyped.ts';

interface Handle {
  get(key: number): Promise<string>;
  each<Row>(rows: readonly Row[]): Promise<Row[]>;
  readonly name: string;
}

test('a handle that lacks a method, or answers with something else, does not compile', () => {
  const handle = {
    get: async (_: unknown) => 'row',
    each: async (rows: readonly unknown[]) => [...rows],
    name: 'users',
  };
  expectTypeOf(handle).toExtend<Untyped<Handle>>();
  const { get: _, ...withoutGet } = handle;
  // @ts-expect-error get is missing
  withoutGet satisfies Untyped<Handle>;
  const wrong = { ...handle, get: async () => 1 };
  // @ts-expect-error a row is text
  wrong satisfies Untyped<Handle>;
});
