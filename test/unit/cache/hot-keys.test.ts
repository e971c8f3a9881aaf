import type { MeridianEvent } from 'meridian';
import { createCache } from 'meridian/cache';
import { expect, it } from 'vitest';

it('the keys that are read most are found among many, and reported without their names', async () => {
  const events: MeridianEvent[] = [];
  const cache = createCache<number>({
    redis: false,
    namespace: 'test',
    ttlMs: 60_000,
    observer: (event) => events.push(event),
  });
  for (let round = 0; round < 400_000; round++) {
    const key = round % 2 ? 'hot' : round % 8 === 0 ? 'warm' : `cold-${round % 997}`;
    await cache.get(key, async () => 1);
  }
  const [first, second, ...others] = cache.hotKeys();
  expect([first?.key, second?.key, others]).toEqual(['hot', 'warm', []]);
  expect(first?.share).toBeGreaterThan(0.35);
  expect(first?.share).toBeLessThan(0.65);
  const reports = events.filter(({ type }) => type === 'cache-hot');
  expect(reports.at(-1)).toMatchObject({ keys: 2 });
  expect(JSON.stringify(reports)).not.toContain('warm');
  await cache.close();
});

it('keys that are all read alike are not hot', async () => {
  const cache = createCache<number>({ redis: false, namespace: 'test', ttlMs: 60_000 });
  for (let round = 0; round < 400_000; round++) await cache.get(`${round % 997}`, async () => 1);
  expect(cache.hotKeys()).toEqual([]);
  await cache.close();
});
