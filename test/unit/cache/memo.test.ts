import { expect, it } from 'vitest';
import { memoize } from '../../../src/cache/memo.ts';

it('remembers at most so many values, and those asked for of late', () => {
  const made: unknown[] = [];
  const memo = memoize(4, (value) => {
    made.push(value);
    return { value };
  });
  const first = memo('a');
  for (const value of ['b', 'c', 'a', 'd', 'a', 'e', 'a', 'f', 'a']) memo(value);
  expect(memo('a')).toBe(first);
  expect(made).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  memo('b');
  expect(made).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'b']);
});

it('does not remember what threw, and tells 1 from its text', () => {
  let calls = 0;
  const memo = memoize(10, (value) => {
    calls++;
    if (value === undefined) throw new Error('no value');
    return { value };
  });
  expect(() => memo(undefined)).toThrow();
  expect(() => memo(undefined)).toThrow();
  expect(memo(1)).toEqual({ value: 1 });
  expect(memo('1')).toEqual({ value: '1' });
  expect(calls).toBe(4);
});
