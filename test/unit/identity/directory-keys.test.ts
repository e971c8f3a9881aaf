import { expect, it } from 'vitest';
import { afterBackfill, judgeKeys } from '../../../src/identity/directory-keys.ts';

it('A8: keys are changed in the order that the guide tells, and versions of one step overlap', () => {
  const steps = [
    { start: 'old', after: 'old' },
    { start: 'old new', after: 'old' },
    { start: 'old', after: 'old' },
    { start: 'old new', after: 'old' },
    { backfill: 'old new', after: 'old new' },
    { start: 'new old', after: 'new old' },
    { start: 'old new', after: 'old new' },
    { start: 'new old', after: 'new old' },
    { start: 'new', after: 'new' },
    { start: 'new old', after: 'new' },
    { start: 'new', after: 'new' },
  ];
  let recorded: string | undefined;
  for (const { start, backfill, after } of steps) {
    if (start === undefined) recorded = afterBackfill(recorded ?? '', backfill?.split(' ') ?? []);
    else expect(judgeKeys(recorded, start)).toEqual({ recorded: after });
    recorded = after;
  }
});

it.each([
  { recorded: 'old', start: 'other', says: /lacks the key 'old'/ },
  { recorded: 'old', start: 'new old', says: /begins with 'new', under which not all values/ },
  { recorded: 'old new', start: 'new', says: /lacks the key 'old'/ },
  { recorded: 'new old', start: 'old', says: /lacks the key 'new'/ },
  { recorded: 'new', start: 'old new', says: /begins with 'old'/ },
])('A8: keys $start beside $recorded are refused', ({ recorded, start, says }) => {
  expect(judgeKeys(recorded, start)).toEqual({ refusal: expect.stringMatching(says) });
});

it('A8: who left a key out has entered nothing under it: it is asked with only after another backfill', () => {
  expect(judgeKeys('old new', 'old')).toEqual({ recorded: 'old' });
  expect(afterBackfill('old', ['old', 'new'])).toBe('old new');
});

it('A8: a backfill beside services with other keys proves nothing', () => {
  expect(afterBackfill('new', ['old', 'older'])).toBeUndefined();
});
