import { ConfigError } from 'meridian';
import { capacityChart, capacityReport, measureCapacity } from 'meridian/scaling';
import { expect, it } from 'vitest';

const quick = { targetMs: 200, stepMs: 100, startPerSecond: 20, growth: 2 };

it('finds no load that a service which fails carries', async () => {
  const found = await measureCapacity(() => Promise.reject(new Error('no')), quick);
  expect(found).toMatchObject({ maxLoad: 0, broke: true });
  expect(found.steps[0]).toMatchObject({ goodShare: 0, good: false, failed: 2 });
  expect(found.steps[0]?.firstError).toEqual(new Error('no'));
});

it('stops at the greatest rate that it may try', async () => {
  const seen: number[] = [];
  const found = await measureCapacity(async () => undefined, {
    ...quick,
    targetMs: 60_000,
    maxPerSecond: 100,
    onStep: ({ perSecond }) => seen.push(perSecond),
  });
  expect(found).toMatchObject({ maxLoad: 100, broke: false });
  expect(seen).toEqual([20, 40, 80, 100]);
});

it('closes in on the rate that breaks', async () => {
  // Takes ten calls each step, whatever the rate.
  let taken = 0;
  const limited = async () => {
    if (++taken > 10) throw new Error('full');
  };
  const found = await measureCapacity(limited, {
    ...quick,
    targetMs: 60_000,
    share: 1,
    precision: 0.2,
    onStep: () => {
      taken = 0;
    },
  });
  expect(found.broke).toBe(true);
  expect(found.maxLoad).toBeGreaterThanOrEqual(80);
  expect(found.maxLoad).toBeLessThanOrEqual(105);
});

it('ends when its signal does, and tells the calls', async () => {
  const ending = new AbortController();
  let told = 0;
  const hanging = (signal: AbortSignal) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        told++;
        reject(signal.reason);
      });
      ending.abort(new Error('enough'));
    });
  await expect(measureCapacity(hanging, { ...quick, signal: ending.signal })).rejects.toThrow(
    'enough',
  );
  expect(told).toBeGreaterThan(0);
});

it('names every option that is out of range', async () => {
  const wrong = measureCapacity(async () => undefined, {
    targetMs: 0,
    growth: 1,
    stepMs: 1,
    share: 2,
  });
  await expect(wrong).rejects.toThrow(ConfigError);
  await expect(wrong).rejects.toThrow(/targetMs[\s\S]*share[\s\S]*growth[\s\S]*stepMs/);
});

it('writes what was measured down, with the law that fits', () => {
  const law = (n: number) => (100 * n) / (1 + 0.05 * (n - 1) + 0.01 * n * (n - 1));
  const fleets = [1, 2, 4, 8].map((instances) => ({
    instances,
    maxLoad: law(instances),
    broke: true,
    steps: [
      {
        perSecond: law(instances) * 1.1,
        calls: 1,
        goodShare: 0,
        failed: 0,
        firstError: undefined,
        p50Ms: 1,
        p99Ms: 900,
        good: false,
      },
    ],
  }));
  const report = capacityReport(fleets);
  expect(report).toContain('| 1 | 100 | 110 | 900 ms |');
  expect(report).toContain('past 10 instances another one takes more than it brings');
  expect(capacityReport(fleets.slice(0, 2))).toContain('takes measurements of three');
  expect(capacityChart(fleets).match(/<circle/g)).toHaveLength(4);
});
