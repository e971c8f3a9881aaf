import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RollingWindow } from '../../../src/resilience/breaker/rolling-window.ts';

it('sums what happened in its buckets, and nothing older', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.record({ after: fc.integer({ min: 0, max: 400 }), kind: fc.nat({ max: 1 }) })),
      (buckets, events) => {
        const ms = buckets * 50;
        const window = new RollingWindow(ms, buckets, 2);
        const seen: { tick: number; kind: number }[] = [];
        let now = 0;
        for (const { after, kind } of events) {
          now += after;
          window.add(kind, now);
          seen.push({ tick: Math.floor(now / 50), kind });
          for (const one of [0, 1]) {
            const oldest = Math.floor(now / 50) - buckets;
            const expected = seen.filter((e) => e.kind === one && e.tick > oldest).length;
            expect(window.total(one, now)).toBe(expected);
          }
        }
      },
    ),
  );
});
