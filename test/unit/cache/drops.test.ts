import { expect, it } from 'vitest';
import { Drops } from '../../../src/cache/loads/drops.ts';

it('a key that was dropped since counts, and no other', () => {
  const drops = new Drops();
  drops.add('before');
  const since = drops.now;
  expect(drops.has('ada', since)).toBe(false);
  drops.add('ada');
  expect(drops.has('ada', since)).toBe(true);
  expect(drops.has('before', since)).toBe(false);
  expect(drops.has('bob', since)).toBe(false);
  expect(drops.has('ada', drops.now)).toBe(false);
  const later = drops.now;
  drops.add('bob');
  expect(drops.has('ada', later)).toBe(false);
  drops.add('ada');
  expect(drops.has('ada', later)).toBe(true);
});

it('what is not known any more counts as dropped, and nothing that began after', () => {
  const drops = new Drops();
  drops.add('ada');
  const since = drops.now;
  for (let key = 0; key < 10_000; key++) drops.add(`other-${key}`);
  expect(drops.has('ada', since)).toBe(true);
  expect(drops.has('never', since)).toBe(true);
  const now = drops.now;
  drops.add('bob');
  expect(drops.has('never', now)).toBe(false);
  expect(drops.has('bob', now)).toBe(true);
});
