import { expect, it } from 'vitest';
import { LaneLimit } from '../../../src/execution/batches/lane-limit.ts';

/** Serves windows of 20 batches, in which reads wait as long as `waitOf` says for the limit in force. */
function run(
  limit: LaneLimit,
  windows: number,
  waitOf: (limit: number) => number,
  isReached = true,
): number[] {
  const seen: number[] = [];
  for (let batch = 0; batch < 20 * windows; batch++) {
    clock += 5;
    if (isReached) limit.reached();
    limit.measure(10, 10 * waitOf(limit.current), clock);
    seen.push(limit.current);
  }
  return seen;
}
let clock = 0;

it('falls to one where reads wait less with fewer, and stays there but for trials', () => {
  const limit = new LaneLimit();
  run(limit, 60, (current) => current);
  const seen = run(limit, 400, (current) => current);
  expect(seen.filter((current) => current === 1).length / seen.length).toBeGreaterThan(0.95);
});

it('rises to the most where reads wait less with more', () => {
  const limit = new LaneLimit();
  run(limit, 100, (current) => 10 / current);
  const seen = run(limit, 400, (current) => 10 / current);
  expect(seen.filter((current) => current === 4).length / seen.length).toBeGreaterThan(0.95);
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(3);
});

it('goes back when the load changes', () => {
  const limit = new LaneLimit();
  run(limit, 100, (current) => 10 / current);
  const seen = run(limit, 1_000, (current) => current);
  expect(seen.at(-1)).toBeLessThanOrEqual(2);
});

it('does not follow a machine that gets slower or faster by itself', () => {
  const limit = new LaneLimit();
  for (const factor of [1.02, 0.98]) {
    let wait = 100;
    const seen = run(limit, 200, () => (wait *= factor ** (1 / 20)));
    expect(seen.filter((current) => current === 2).length / seen.length).toBeGreaterThan(0.9);
  }
});

it('tries nothing while no read waits for room', () => {
  const limit = new LaneLimit();
  expect(new Set(run(limit, 100, () => 1, false))).toEqual(new Set([2]));
});
