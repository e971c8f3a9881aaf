import { UnavailableError } from 'meridian';
import { expect, it, vi } from 'vitest';
import { ReadThrough } from '../../../src/cache/read-through.ts';
import { cacheConfig } from '../../support/redis/read-through.ts';

const open = (ttlMs: number) =>
  new ReadThrough<string>(
    {
      ...cacheConfig,
      decode: (value) => (typeof value === 'string' ? value : undefined),
      freshness: { ttlMs, staleMs: 60_000, staleIfErrorMs: 0, negativeTtlMs: ttlMs, jitter: 0 },
    },
    undefined,
    () => {},
  );

it('what a load keeps out is handed out and not stored, found or not; the others are', async () => {
  const cache = open(60_000);
  const loaded = await cache.getMany(['kept', 'out', 'absent'], async (_, { keepOut }) => {
    keepOut('out');
    keepOut('absent');
    return ['a', 'b', null];
  });
  expect(loaded).toEqual(['a', 'b', null]);
  expect(cache.peek('kept')?.value).toBe('a');
  expect(cache.peek('out')).toBeUndefined();
  expect(cache.peek('absent')).toBeUndefined();
});

it('an older value that is past its time goes with it, and stands in for nothing', async () => {
  const cache = open(1);
  await cache.getMany(['row'], async () => ['old']);
  await vi.waitFor(() => expect(cache.peek('row')).toBeUndefined());
  // Served once more, past its time, while the refresh aside is told to keep the new one out.
  const refreshed = vi.fn();
  await cache.getMany(['row'], async (_, { keepOut }) => {
    keepOut('row');
    refreshed();
    return ['new'];
  });
  await vi.waitFor(() => expect(refreshed).toHaveBeenCalled());
  const down = () => Promise.reject(new UnavailableError('down'));
  await expect(cache.getMany(['row'], down)).rejects.toThrow(UnavailableError);
});
