import fc from 'fast-check';
import { OverloadError } from 'meridian';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimit } from '../../../src/resilience/admission/concurrency-limit.ts';
import { Throttle } from '../../../src/resilience/admission/throttle.ts';
import { createBackoff } from '../../../src/resilience/retry/backoff.ts';
import { RetryBudget } from '../../../src/resilience/retry/retry-budget.ts';
import { manualClock } from '../../support/calls.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

describe('the adaptive limit', () => {
  /** Calls of the given durations, 50 in each window of 100 ms. */
  function run(
    limit: ConcurrencyLimit,
    calls: number,
    durationOf: (i: number) => number,
    inUse = 1,
  ) {
    for (let index = 0; index < calls; index++) {
      time += 2;
      limit.measure(durationOf(index), Math.ceil(limit.limit * inUse), time);
    }
  }
  let time = 0;

  it('falls when calls become slow, and comes back', () => {
    const limit = new ConcurrencyLimit(40);
    run(limit, 5_000, () => 10);
    expect(limit.limit).toBe(40);
    run(limit, 1_000, () => 100);
    expect(limit.limit).toBeLessThanOrEqual(16);
    expect(limit.limit).toBeGreaterThanOrEqual(10);
    run(limit, 5_000, () => 10);
    expect(limit.limit).toBe(40);
  });

  it('never falls below a quarter, nor below two', () => {
    for (const [concurrency, least] of [
      [40, 10],
      [5, 2],
      [2, 2],
      [1, 1],
    ] as const) {
      const limit = new ConcurrencyLimit(concurrency);
      run(limit, 1_000, () => 1);
      run(limit, 10_000, (index) => 2 + index);
      expect(limit.limit).toBeGreaterThanOrEqual(least);
      expect(limit.limit).toBeLessThanOrEqual(concurrency);
    }
  });

  it('does not move while less than half of it is in use', () => {
    const limit = new ConcurrencyLimit(40);
    run(limit, 1_000, () => 1, 0.4);
    run(limit, 5_000, () => 100, 0.4);
    expect(limit.limit).toBe(40);
  });

  it('is not misled by a mixture of quick and slow statements', () => {
    const chance = new SeededRandom(7);
    const random = () => chance.next();
    const limit = new ConcurrencyLimit(40);
    for (const [share, slowMs] of [
      [0.5, 50],
      [0.01, 1_000],
      [0.1, 20],
    ] as const) {
      // It learns what is usual, then it must keep most of its room.
      run(limit, 30_000, () => (random() < share ? slowMs : 1));
      let least = 40;
      for (let turn = 0; turn < 300; turn++) {
        run(limit, 50, () => (random() < share ? slowMs : 1));
        least = Math.min(least, limit.limit);
      }
      expect(least).toBeGreaterThanOrEqual(30);
    }
  });
});

describe('client-side throttling', () => {
  const share = (accepted: number, refused: number, random = () => 0) => {
    const clock = manualClock();
    const throttle = new Throttle('stock', random);
    for (let turn = 0; turn < accepted; turn++) throttle.record(true, clock.now());
    for (let turn = 0; turn < refused; turn++) throttle.record(false, clock.now());
    return {
      throttle,
      clock,
      at: (p: 'critical' | 'default' | 'sheddable') => throttle.share(p, clock.now()),
    };
  };

  it('is that of the formula', () => {
    const { at } = share(20, 80);
    expect(at('default')).toBeCloseTo((100 - 40) / 101, 10);
    expect(at('critical')).toBeCloseTo((100 - 80) / 101, 10);
    expect(at('sheddable')).toBeCloseTo((100 - 30) / 101, 10);
  });

  it('lets everything through while half is accepted, and while little is known', () => {
    expect(share(50, 50).at('default')).toBe(0);
    expect(share(0, 19).at('default')).toBe(0);
    expect(share(0, 20).at('default')).toBeGreaterThan(0.9);
  });

  it('counts what it refuses, and forgets after ten seconds', () => {
    const { throttle, clock, at } = share(0, 20);
    expect(() => throttle.check('default', clock.now)).toThrow(OverloadError);
    expect(at('default')).toBeCloseTo(21 / 22, 10);
    clock.pass(10_000);
    expect(() => throttle.check('default', clock.now)).not.toThrow();
    expect(at('default')).toBe(0);
  });

  it('refuses by chance, and nothing once it is reset', () => {
    const { throttle, clock } = share(20, 80, () => 0.6);
    expect(() => throttle.check('default', clock.now)).not.toThrow();
    expect(() => throttle.check('sheddable', clock.now)).toThrow(OverloadError);
    throttle.reset();
    expect(() => throttle.check('sheddable', clock.now)).not.toThrow();
  });
});

describe('a retry budget', () => {
  it('holds 1.1 attempts a call when all fail, and no call may be repeated twice as often', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 300, max: 20_000 }),
        fc.integer({ min: 100, max: 10_000 }),
        (calls, perSecond) => {
          const clock = manualClock();
          const budget = new RetryBudget({}, clock.now);
          let attempts = 0;
          for (let call = 0; call < calls; call++) {
            clock.pass(1_000 / perSecond);
            budget.deposit();
            attempts++;
            for (let retry = 0; retry < 2 && budget.withdraw(); retry++) attempts++;
          }
          // One may have been lent in this very moment.
          expect(attempts).toBeLessThanOrEqual(1.1 * calls + 1);
        },
      ),
    );
  });

  it('lends a few to a process that has just started, and to slow traffic', () => {
    const clock = manualClock();
    const budget = new RetryBudget({}, clock.now);
    const granted = () => {
      let count = 0;
      while (budget.withdraw()) count++;
      return count;
    };
    expect(granted()).toBe(10);
    clock.pass(999);
    expect(granted()).toBe(0);
    clock.pass(1);
    expect(granted()).toBe(1);
    clock.pass(3_600_000);
    expect(granted()).toBe(1);
  });

  it('saves up to its capacity', () => {
    const clock = manualClock();
    const budget = new RetryBudget({ capacity: 20, ratio: 0.5 }, clock.now);
    for (let call = 0; call < 10_000; call++) budget.deposit();
    let count = 0;
    while (budget.withdraw()) count++;
    expect(count).toBe(20);
  });

  it('lends nothing by the second when told so', () => {
    const clock = manualClock();
    const budget = new RetryBudget({ perSecond: 0 }, clock.now);
    while (budget.withdraw());
    clock.pass(1e9);
    expect(budget.withdraw()).toBe(false);
  });
});

describe('pauses between retries', () => {
  it('grow, are not all the same, and stay within their limit', () => {
    const first: number[] = [];
    const third: number[] = [];
    for (let turn = 0; turn < 500; turn++) {
      const next = createBackoff({ baseMs: 20, maxMs: 500 });
      const pauses = Array.from({ length: 30 }, next);
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...pauses)).toBeLessThanOrEqual(500);
      first.push(pauses[0] ?? 0);
      third.push(pauses[2] ?? 0);
    }
    expect(new Set(first).size).toBeGreaterThan(400);
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    expect(mean(first)).toBeLessThan(30);
    expect(mean(third)).toBeGreaterThan(1.5 * mean(first));
  });
});
