import { setTimeout as pause } from 'node:timers/promises';
import { ClosedError } from 'meridian';
import { createCache } from 'meridian/cache';
import { afterEach, expect, it, vi } from 'vitest';

const open = (ttlMs: number) =>
  createCache<number>({ redis: false, namespace: 'clocks', ttlMs, jitter: 0 });

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("C12: a test's clock that is taken away again leaves the other caches theirs", async () => {
  const [here, there] = [open(20), open(20)];
  vi.useFakeTimers();
  expect(await here.get('a', async () => 1)).toBe(1);
  vi.useRealTimers();
  // A clock that jumps is taken for a sleep, after which memory is empty.
  for (let turn = 0; turn < 3; turn++) {
    await pause(1);
    await there.get('b', async () => 1);
  }
  expect(there.peek('b')).toBe(1);
  await pause(50);
  expect(there.peek('b')).toBeUndefined();
  await Promise.all([here.close(), there.close()]);
});

it('C15: what memory holds is not believed after the process slept', async () => {
  const cache = open(60_000);
  await cache.get('a', async () => 1);
  expect(cache.peek('a')).toBe(1);
  await new Promise((resolve) => setImmediate(resolve));
  const now = Date.now();
  vi.spyOn(Date, 'now').mockImplementation(() => now + 3_600_000);
  expect(cache.peek('a')).toBeUndefined();
  expect(await cache.get('a', async () => 2)).toBe(2);
  expect(cache.peek('a')).toBe(2);
  await cache.close();
});

it('C11: closing ends a load that hangs, and whoever waits for it is told', async () => {
  const cache = open(60_000);
  const hanging = cache.get('a', () => new Promise(() => {})).catch((error) => error);
  await pause(5);
  await cache.close();
  expect(await hanging).toBeInstanceOf(ClosedError);
});
