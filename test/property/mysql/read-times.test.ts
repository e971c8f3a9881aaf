import fc from 'fast-check';
import { expect, it } from 'vitest';
import { dateOf } from '../../../src/mysql/sql/read-times.ts';

const pad = (number: number, width: number) => String(number).padStart(width, '0');
const parts = fc.record({
  year: fc.nat(9999),
  month: fc.nat(13),
  day: fc.nat(32),
  time: fc.option(fc.tuple(fc.nat(23), fc.nat(59), fc.nat(59)), { nil: undefined }),
  fraction: fc.stringMatching(/^\d{0,3}$/),
});

it('a text is the time that it names, or none where there is no such day', () => {
  fc.assert(
    fc.property(parts, ({ year, month, day, time, fraction }) => {
      const clock = time?.map((part) => pad(part, 2)).join(':');
      const behind = clock === undefined ? '' : ` ${clock}${fraction && `.${fraction}`}`;
      const told = dateOf(`${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}${behind}`);
      // Its own text is the day's proof: JavaScript rolls a day that is not there over.
      const own = new Date(0);
      own.setUTCFullYear(year, month - 1, day);
      if (own.getUTCMonth() !== month - 1 || own.getUTCDate() !== day) {
        expect(told).toBeUndefined();
        return;
      }
      const [hours, minutes, seconds] = time ?? [0, 0, 0];
      const thousandths = time === undefined ? 0 : Number(fraction.padEnd(3, '0'));
      own.setUTCHours(hours, minutes, seconds, thousandths);
      expect(told?.getTime()).toBe(own.getTime());
    }),
    { numRuns: 3_000 },
  );
});

it.each([
  '',
  'x',
  'abcd-01-01',
  '2026-1-2',
  '2026-02-2x',
  '2026-02-02 1',
  '2026-02-02 12:3x:00',
  '0000-00-00',
])('%j is no time', (text) => {
  expect(dateOf(text)).toBeUndefined();
});
