import { expect, it } from 'vitest';
import { isGtidSet, mergeGtids } from '../../../src/rows/sessions/gtid-set.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const other = '00000000-0000-0000-0000-000000000001';

it.each([
  ['0-1-5', '0-1-7', '0-1-7'],
  ['0-1-7', '0-1-5', '0-1-7'],
  ['0-1-5,3-1-9', '0-2-6', '0-2-6,3-1-9'],
  ['0-1-9', '0-1-10', '0-1-10'],
  ['0-1-18446744073709551614', '0-1-18446744073709551615', '0-1-18446744073709551615'],
])('MariaDB: %s and %s are the newest of each domain, %s', (older, newer, both) => {
  expect(mergeGtids(older, newer)).toBe(both);
});

it.each([
  [`${uuid}:5`, `${uuid}:6`, `${uuid}:5-6`],
  [`${uuid}:1-5`, `${uuid}:3-9`, `${uuid}:1-9`],
  [`${uuid}:9`, `${uuid}:1-3`, `${uuid}:1-3:9`],
  [`${uuid}:5`, `${other}:1`, `${uuid}:5,${other}:1`],
  [`${uuid.toUpperCase()}:5`, `${uuid}:5`, `${uuid}:5`],
  [`${uuid}:blue:5`, `${uuid}:5:blue:6`, `${uuid}:blue:5-6,${uuid}:5`],
  [`${uuid}:1-2,\n${other}:4`, `${uuid}:3`, `${uuid}:1-3,${other}:4`],
])('MySQL: %s and %s are their union, %s', (older, newer, both) => {
  expect(mergeGtids(older, newer)).toBe(both);
});

it('the intervals of one source stay few, and lack nothing', () => {
  let set = `${uuid}:1`;
  for (let number = 3; number < 200; number += 2) {
    set = mergeGtids(set, `${uuid}:${number}`) ?? '';
  }
  expect(set).toBe(`${uuid}:1-185:187:189:191:193:195:197:199`);
});

it.each([
  '',
  '0-1',
  '0-1-2,',
  'x',
  uuid,
  `${uuid}:`,
  `${uuid}:5-`,
  `${uuid}:blue`,
  '0-1-123456789012345678901',
])('%j is no list of GTIDs', (text) => {
  expect(isGtidSet(text)).toBe(false);
  expect(mergeGtids('0-1-1', text)).toBeUndefined();
});

it('GTIDs of two kinds of server have no sum', () => {
  expect(mergeGtids('0-1-5', `${uuid}:5`)).toBeUndefined();
});
