import { expect, it } from 'vitest';
import { parseDataLayerOptions } from '../../../src/config/data-layer-config.ts';
import type { Problem } from '../../../src/errors/config-error.ts';

const parse = (options: object) => {
  const problems: Problem[] = [];
  const given = { topology: 'topology.json', tables: {}, redis: false, ...options };
  return { config: parseDataLayerOptions(given, problems), problems };
};

it('endpoints are guarded without a word about it', () => {
  const { config, problems } = parse({});
  expect(problems).toEqual([]);
  expect(config?.breaker).toEqual({
    failures: 5,
    openMs: 1_000,
    rampMs: 1_000,
    stallMs: 500,
    probeTimeoutMs: 1_000,
  });
  expect(config?.pool).toMatchObject({ adaptive: true, throttle: true });
});

it.each<[string, object]>([
  ['breaker.window.failureShare', { breaker: { window: { failureShare: 0 } } }],
  ['breaker.window.slowShare', { breaker: { window: { slowShare: 1.1 } } }],
  ['breaker.window.buckets', { breaker: { window: { buckets: 0.5 } } }],
  ['breaker.window', { breaker: { window: { slowms: 1 } } }],
  ['breaker.rampMs', { breaker: { rampMs: Number.NaN } }],
  ['breaker.stallMs', { breaker: { stallMs: 1 } }],
  ['breaker.probeTimeoutMs', { breaker: { probeTimeoutMs: 2 ** 31 } }],
  ['pool.adaptive', { pool: { adaptive: 'yes' } }],
  ['pool.throttle', { pool: { throttle: 1 } }],
])('%s is checked', (path, options) => {
  expect(parse(options).problems.map((problem) => problem.path)).toEqual([path]);
});
