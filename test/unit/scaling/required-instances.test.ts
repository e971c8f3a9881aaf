import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/errors/config-error.ts';
import { requiredInstances } from '../../../src/scaling/required-instances.ts';

describe('requiredInstances', () => {
  it.each([
    [10, 4, 1.2, 3],
    [10, 4, 1.21, 4],
    [1000, 100, 1.2, 12],
    [1001, 100, 1.2, 13],
    [0.1 * 3, 0.1, 1, 3],
    [0.7 + 0.1, 0.1, 1, 8],
    [1, 0.1, 1.1, 11],
    [4.35 * 100, 1, 1, 435],
    [3, 100, 1, 1],
    [100, 100, 1, 1],
    [100.000001, 100, 1, 2],
    [1e15, 1, 1, 1e15],
    [1e-9, 1e-10, 1.2, 12],
  ])(
    'load %d, at most %d each, headroom %d: %d',
    (load, maxLoadPerInstance, headroom, instances) => {
      expect(requiredInstances(load, { maxLoadPerInstance, headroom })).toBe(instances);
    },
  );

  it('keeps a fifth in reserve unless told otherwise', () => {
    expect(requiredInstances(100, { maxLoadPerInstance: 10 })).toBe(12);
    expect(requiredInstances(100, { maxLoadPerInstance: 10, headroom: undefined })).toBe(12);
  });

  it('keeps one instance for no load', () => {
    expect(requiredInstances(0, { maxLoadPerInstance: 10 })).toBe(1);
    expect(requiredInstances(-0, { maxLoadPerInstance: 10 })).toBe(1);
  });

  it('rounds multiples of awkward fractions to the multiple', () => {
    for (let n = 1; n <= 10_000; n++) {
      for (const max of [0.1, 0.3, 0.7, 1.1]) {
        if (requiredInstances(n * max, { maxLoadPerInstance: max, headroom: 1 }) !== n) {
          expect.fail(`${n} × ${max}`);
        }
      }
    }
  });

  it.each([
    ['currentLoad', -1, 10, 1.2],
    ['currentLoad', Number.NaN, 10, 1.2],
    ['currentLoad', Number.POSITIVE_INFINITY, 10, 1.2],
    ['maxLoadPerInstance', 10, 0, 1.2],
    ['maxLoadPerInstance', 10, -4, 1.2],
    ['maxLoadPerInstance', 10, Number.NaN, 1.2],
    ['maxLoadPerInstance', 10, Number.POSITIVE_INFINITY, 1.2],
    ['headroom', 10, 4, 0.99],
    ['headroom', 10, 4, Number.NaN],
    ['headroom', 10, 4, Number.POSITIVE_INFINITY],
    ['currentLoad', 1e300, 1e-300, 1.2],
  ])('refuses %s: %d, %d, %d', (path, load, maxLoadPerInstance, headroom) => {
    expect(() => requiredInstances(load, { maxLoadPerInstance, headroom })).toThrow(
      expect.objectContaining({
        code: 'MERIDIAN_CONFIG',
        problems: [expect.objectContaining({ path })],
      }),
    );
  });

  it('names every bad number at once', () => {
    const bad = () => requiredInstances(Number.NaN, { maxLoadPerInstance: -1, headroom: 0 });
    expect(bad).toThrow(ConfigError);
    expect(bad).toThrow(/currentLoad[\s\S]*maxLoadPerInstance[\s\S]*headroom/);
  });
});
