import { describe, expect, it } from 'vitest';
import { slotsPerDay, slotsPerWeek, WeekClock } from '../../../src/scaling/forecast/season.ts';

describe('the place in the week', () => {
  it('begins on Monday at midnight', () => {
    const clock = new WeekClock('UTC');
    expect(clock.slotAt(Date.UTC(2024, 0, 1))).toBe(0);
    expect(clock.slotAt(Date.UTC(2024, 0, 7, 23, 55))).toBe(slotsPerWeek - 1);
    expect(clock.slotAt(Date.UTC(1969, 11, 29))).toBe(0);
  });

  it('follows the clocks of people through the change of daylight saving', () => {
    const clock = new WeekClock('Europe/Berlin');
    const noon = 12 * 12 + 6 * slotsPerDay;
    // Sundays, 30 March 2025 and the one before: noon is at 11 and at 10 by UTC.
    expect(clock.slotAt(Date.UTC(2025, 2, 23, 11))).toBe(noon);
    expect(clock.slotAt(Date.UTC(2025, 2, 30, 10))).toBe(noon);
  });

  it.each(['Australia/Adelaide', 'Australia/Lord_Howe', 'Asia/Kathmandu'])(
    'tells the same in %s, whatever was asked before',
    (zone) => {
      // In Adelaide clocks change at 16:30 by UTC.
      const midnight = Date.UTC(2025, 9, 4);
      const used = new WeekClock(zone);
      for (let atMs = midnight; atMs < midnight + 86_400_000; atMs += 300_000) {
        expect(used.slotAt(atMs)).toBe(new WeekClock(zone).slotAt(atMs));
      }
    },
  );

  it('refuses a zone that is none', () => {
    expect(() => new WeekClock('Nowhere/Land')).toThrow(RangeError);
  });
});
