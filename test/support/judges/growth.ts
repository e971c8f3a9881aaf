import { expect } from 'vitest';

/**
 * Four times as much takes about four times the work: sixteen times where each is held against each. Time
 * of the processor, in turns, and the least of a few: a machine may be busy with other things.
 */
export async function growsInProportion(
  work: (count: number) => unknown,
  count: number,
): Promise<void> {
  const cost = async (size: number) => {
    const before = process.cpuUsage();
    await work(size);
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  await work(count);
  const least = { once: Number.POSITIVE_INFINITY, fourTimes: Number.POSITIVE_INFINITY };
  for (let turn = 0; turn < 5; turn++) {
    least.once = Math.min(least.once, await cost(count));
    least.fourTimes = Math.min(least.fourTimes, await cost(4 * count));
  }
  expect(least.fourTimes / least.once).toBeLessThan(10);
}
