import { describe, expect, it } from 'vitest';
import { erlangC, instancesForLatency } from '../../../src/scaling/queueing.ts';
import {
  capacityOf,
  fitScalability,
  instancesByLaw,
  kneeOf,
  mostInstancesOf,
} from '../../../src/scaling/scalability.ts';

describe('Erlang C', () => {
  it.each([
    [1, 0.5, 0.5],
    [2, 1, 1 / 3],
    [10, 8, 0.409_18],
    [100, 90, 0.217],
  ])('of %i servers at %f erlangs', (servers, offered, waits) => {
    expect(erlangC(servers, offered)).toBeCloseTo(waits, 3);
  });

  it('is certain when more is offered than there are servers', () => {
    expect(erlangC(3, 3)).toBe(1);
  });

  it('goes over from counting to the limit of many servers', () => {
    for (const slack of [5, 60, 200]) {
      expect(erlangC(5_001, 5_001 - slack)).toBeCloseTo(erlangC(5_000, 5_000 - slack), 2);
    }
    expect(erlangC(1e12, 0.9e12)).toBe(0);
  });

  it('gives the fewest instances that keep the target', () => {
    const target = { targetMs: 60, serviceMs: 50, slotsPerInstance: 4 };
    const lateAt = (instances: number) => {
      const servers = instances * 4;
      const offered = 500 * 0.05;
      return offered >= servers
        ? 1
        : erlangC(servers, offered) * Math.exp(-(servers - offered) / 5);
    };
    const instances = instancesForLatency(500, target);
    expect(lateAt(instances)).toBeLessThanOrEqual(0.01);
    expect(lateAt(instances - 1)).toBeGreaterThan(0.01);
    expect(instancesForLatency(0, target)).toBe(1);
    expect(instancesForLatency(1e15, target, 50)).toBe(51);
  });
});

describe('the Universal Scalability Law', () => {
  const law = { gamma: 250, sigma: 0.04, kappa: 0.002 };
  const measured = [1, 2, 4, 8, 16, 24].map((instances) => ({
    instances,
    load: capacityOf(law, instances),
  }));

  it('is found again in what it gives', () => {
    const found = fitScalability(measured);
    expect(found?.gamma).toBeCloseTo(250, 6);
    expect(found?.sigma).toBeCloseTo(0.04, 8);
    expect(found?.kappa).toBeCloseTo(0.002, 8);
  });

  it('knows its knee, and goes no further', () => {
    expect(kneeOf(law)).toBe(22);
    expect(capacityOf(law, 22)).toBeGreaterThan(capacityOf(law, 21));
    expect(capacityOf(law, 22)).toBeGreaterThan(capacityOf(law, 23));
    expect(instancesByLaw(law, 1e9)).toBe(23);
    expect(instancesByLaw(law, capacityOf(law, 7))).toBe(7);
    expect(kneeOf({ ...law, kappa: 0 })).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    { gamma: 1, sigma: 0, kappa: 1e-40 },
    { gamma: 1, sigma: 1e-30, kappa: 0 },
  ])('counts no further than numbers go: %o', (almostLinear) => {
    expect(mostInstancesOf(almostLinear)).toBe(Number.POSITIVE_INFINITY);
    expect(instancesByLaw(almostLinear, 1e19)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([{ sigma: -0.1 }, { sigma: 1.1 }, { kappa: -1 }, { kappa: Number.NaN }])(
    'has no knee with %o',
    (wrong) => {
      expect(() => kneeOf({ ...law, ...wrong })).toThrow(/law: must be sigma of 0 to 1/);
    },
  );

  it('keeps crosstalk that was measured with noise', () => {
    const loads = [99, 200, 360.7, 512.8, 470.6];
    const noisy = [1, 2, 4, 8, 16].map((instances, at) => ({ instances, load: loads[at] ?? 0 }));
    const found = fitScalability(noisy);
    expect(found?.gamma).toBeCloseTo(100, -1);
    expect(found === undefined ? 0 : kneeOf(found)).toBe(10);
    expect(fitScalability(noisy.map((one) => ({ ...one, load: 0 })))).toBeUndefined();
  });

  it('takes what can not be for noise', () => {
    const better = [1, 2, 4].map((instances) => ({ instances, load: 100 * instances ** 1.05 }));
    expect(fitScalability(better)).toMatchObject({ sigma: 0, kappa: 0 });
    expect(fitScalability(measured.slice(0, 2))).toBeUndefined();
  });
});
