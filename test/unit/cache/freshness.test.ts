import { describe, expect, it } from 'vitest';
import { earlyMs, lifeOf } from '../../../src/cache/freshness.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const freshness = {
  ttlMs: 1_000,
  staleMs: 50,
  staleIfErrorMs: 20,
  negativeTtlMs: 100,
  jitter: 0.1,
};

describe('the life of a value', () => {
  it('is its ttl, shorter by up to the jitter', () => {
    expect(lifeOf(false, freshness, 0).freshMs).toBe(1_000);
    expect(lifeOf(false, freshness, 1).freshMs).toBe(900);
    expect(lifeOf(false, { ...freshness, jitter: 0 }, 1).freshMs).toBe(1_000);
    const lives = Array.from({ length: 100 }, () => lifeOf(false, freshness).freshMs);
    expect(new Set(lives).size).toBeGreaterThan(50);
    expect(Math.min(...lives)).toBeGreaterThanOrEqual(900);
    expect(Math.max(...lives)).toBeLessThanOrEqual(1_000);
  });

  it('ends for errors no sooner than for reads that may be stale', () => {
    expect(lifeOf(false, freshness, 0)).toMatchObject({ staleMs: 50, errorMs: 50 });
    expect(lifeOf(false, { ...freshness, staleIfErrorMs: 70 }, 0).errorMs).toBe(70);
  });

  it('is shorter for an absence, and ends with it', () => {
    expect(lifeOf(true, freshness, 0)).toEqual({ freshMs: 100, staleMs: 0, errorMs: 0 });
    expect(lifeOf(true, freshness, 1).freshMs).toBe(90);
  });
});

describe('a refresh before the time', () => {
  const random = new SeededRandom(1);
  const drawn = (loadMs: number, beta?: number) =>
    Array.from({ length: 20_000 }, () => earlyMs(loadMs, beta, 1 - random.next()));
  const mean = (numbers: readonly number[]) =>
    numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

  it('is sooner by the time of a load on average, at random', () => {
    const drawings = drawn(40);
    expect(mean(drawings)).toBeGreaterThan(38);
    expect(mean(drawings)).toBeLessThan(42);
    // Exponentially: the part over twice the mean is e^-2.
    const late = drawings.filter((early) => early > 80).length / drawings.length;
    expect(late).toBeGreaterThan(0.12);
    expect(late).toBeLessThan(0.15);
    expect(mean(drawn(40, 3))).toBeGreaterThan(114);
    expect(mean(drawn(40, 3))).toBeLessThan(126);
  });

  it('is never after the time, nor ever but finite', () => {
    expect(earlyMs(40, 1, 1)).toBeCloseTo(0);
    expect(earlyMs(0)).toBeCloseTo(0);
    for (let turn = 0; turn < 1_000; turn++) {
      const early = earlyMs(40);
      expect(early).toBeGreaterThanOrEqual(0);
      expect(early).toBeLessThan(Number.POSITIVE_INFINITY);
    }
  });
});
