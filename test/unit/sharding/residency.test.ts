import { expect, it } from 'vitest';
import { mayHold } from '../../../src/sharding/places/residency.ts';

const eu = { name: 'eu', residency: 'strict', allow: new Set(['uk']) } as const;

it('rows of a strict region are held there and in the regions that it allows', () => {
  expect(mayHold('eu', eu)).toBe(true);
  expect(mayHold('uk', eu)).toBe(true);
  expect(mayHold('us', eu)).toBe(false);
});

it('a process that does not say where it is holds nothing of a strict region', () => {
  expect(mayHold(undefined, eu)).toBe(false);
});

it('rows of an open region are held anywhere', () => {
  const us = { name: 'us', residency: 'open', allow: new Set<string>() } as const;
  for (const where of ['us', 'eu', undefined]) expect(mayHold(where, us)).toBe(true);
});
