import { expect, it } from 'vitest';
import { explore } from '../../support/judges/explore.ts';

const fine = () => undefined;

it('finds the shortest way to what is wrong', () => {
  const result = explore(
    0,
    (at) =>
      at < 4
        ? [
            ['one', at + 1],
            ['two', at + 2],
          ]
        : [],
    (at) => (at === 3 ? 'three' : undefined),
  );
  expect(result).toEqual({ wrong: 'three', trace: ['one', 'two'] });
});

it('finds a state that leads to no end, though something can always happen there', () => {
  const ways: Readonly<Record<string, readonly string[]>> = {
    start: ['end', 'here'],
    here: ['there'],
    there: ['here'],
  };
  const result = explore('start', (at) => (ways[at] ?? []).map((to) => [`to ${to}`, to]), fine);
  expect(result).toEqual({ wrong: 'no end can be reached from here', trace: ['to here'] });
});

it('refuses a model in which nothing happens', () => {
  expect(() => explore(0, () => [], fine)).toThrow('nothing happens');
});
