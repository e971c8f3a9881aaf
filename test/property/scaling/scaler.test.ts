import fc from 'fast-check';
import { createScaler } from 'meridian/scaling';
import { expect, it } from 'vitest';

const minute = 60_000;
const start = Date.UTC(2024, 0, 1);
const loads = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), {
  minLength: 1,
  maxLength: 300,
});

it('never goes below the floor or above the cap', () => {
  fc.assert(
    fc.property(
      loads,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 0, max: 50 }),
      (given, min, more) => {
        const scaler = createScaler({
          maxLoadPerInstance: 1_000,
          leadTimeMs: 5 * minute,
          minInstances: min,
          maxInstances: min + more,
        });
        given.forEach((load, step) => {
          scaler.observe(load, start + step * minute);
          const { instances } = scaler.recommend(start + step * minute);
          expect(instances).toBeGreaterThanOrEqual(min);
          expect(instances).toBeLessThanOrEqual(min + more);
        });
      },
    ),
  );
});

it('never recommends less for more load', () => {
  const week = Array.from(
    { length: 9 * 1_440 },
    (_, step) => 5_000 + 4_000 * Math.sin((step / 1_440) * 2 * Math.PI),
  );
  const after = (last: number) => {
    const scaler = createScaler({
      maxLoadPerInstance: 500,
      leadTimeMs: 15 * minute,
      shrinkAfterMs: 0,
    });
    week.forEach((load, step) => {
      scaler.observe(load, start + step * minute);
    });
    scaler.observe(last, start + week.length * minute);
    return scaler.recommend(start + week.length * minute).instances;
  };
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 50_000, noNaN: true }),
      fc.double({ min: 0, max: 50_000, noNaN: true }),
      (one, other) => {
        const [less, more] = one <= other ? [one, other] : [other, one];
        expect(after(less)).toBeLessThanOrEqual(after(more));
      },
    ),
    { numRuns: 20 },
  );
});
