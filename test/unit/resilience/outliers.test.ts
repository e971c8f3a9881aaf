import { describe, expect, it } from 'vitest';
import { LatencyQuantile } from '../../../src/resilience/admission/latency-quantile.ts';
import { type Ejection, Outliers } from '../../../src/resilience/breaker/outliers.ts';
import { manualClock } from '../../support/calls.ts';

function four() {
  const clock = manualClock();
  const ejections: Ejection[] = [];
  const names = ['a', 'b', 'c', 'd'];
  const outliers = new Outliers(names, (ejection) => ejections.push(ejection), clock.now);
  const fail = (name: string, times = 5) => {
    for (let time = 0; time < times; time++) outliers.record(name, false, 1);
  };
  return { outliers, clock, ejections, fail };
}

describe('outliers', () => {
  it('are ejected after five failures in a row, for half a minute', () => {
    const { outliers, clock, ejections, fail } = four();
    fail('a', 4);
    outliers.record('a', true, 1);
    fail('a', 4);
    expect(outliers.isEjected('a')).toBe(false);
    fail('a', 1);
    expect(outliers.isEjected('a')).toBe(true);
    expect(ejections).toEqual([{ name: 'a', because: 'failures', forMs: 30_000 }]);
    clock.pass(30_000);
    expect(outliers.isEjected('a')).toBe(false);
  });

  it('are ejected for longer each time, and for five minutes at most', () => {
    const { clock, ejections, fail } = four();
    for (let time = 0; time < 12; time++) {
      fail('a');
      clock.pass(ejections.at(-1)?.forMs ?? 0);
    }
    expect(ejections.map(({ forMs }) => forMs / 1_000).slice(0, 3)).toEqual([30, 60, 90]);
    expect(ejections.at(-1)?.forMs).toBe(300_000);
  });

  it('begin anew after a quiet time as long as their last one', () => {
    const { clock, ejections, fail } = four();
    fail('a');
    clock.pass(30_000 + 30_001);
    fail('a');
    expect(ejections.map(({ forMs }) => forMs)).toEqual([30_000, 30_000]);
  });

  it('are half of the endpoints at most', () => {
    const { outliers, fail } = four();
    for (const name of ['a', 'b', 'c', 'd']) fail(name);
    expect(['a', 'b', 'c', 'd'].filter((name) => outliers.isEjected(name))).toEqual(['a', 'b']);
  });

  it('an only endpoint is none', () => {
    const outliers = new Outliers(['a'], () => {});
    for (let time = 0; time < 50; time++) outliers.record('a', false, 1);
    expect(outliers.isEjected('a')).toBe(false);
  });

  it('are those that are three times as slow as their peers, and noticeably so', () => {
    const { outliers, ejections } = four();
    for (let time = 0; time < 200; time++) {
      for (const name of ['b', 'c', 'd']) outliers.record(name, true, 10);
      outliers.record('a', true, 45);
    }
    expect(ejections).toEqual([{ name: 'a', because: 'slowness', forMs: 30_000 }]);
  });

  it('are not those that are slow by a millisecond', () => {
    const { outliers, ejections } = four();
    for (let time = 0; time < 200; time++) {
      for (const name of ['b', 'c', 'd']) outliers.record(name, true, 0.2);
      outliers.record('a', true, 1.5);
    }
    expect(ejections).toEqual([]);
  });

  it('endpoints that are not known are nobody', () => {
    const { outliers, fail } = four();
    fail('e');
    expect(outliers.isEjected('e')).toBe(false);
  });
});

describe('the latency quantile', () => {
  it('is unknown at first, then what 95 of 100 stay below', () => {
    const latencies = new LatencyQuantile();
    for (let n = 0; n < 31; n++) latencies.record(1);
    expect(latencies.p95Ms).toBeUndefined();
    latencies.record(1);
    expect(latencies.p95Ms).toBe(1);
    for (let n = 1; n <= 256; n++) latencies.record(n);
    expect(latencies.p95Ms).toBe(244);
  });

  it('forgets what was long ago', () => {
    const latencies = new LatencyQuantile();
    for (let n = 0; n < 256; n++) latencies.record(1_000);
    for (let n = 0; n < 256; n++) latencies.record(2);
    expect(latencies.p95Ms).toBe(2);
  });
});
