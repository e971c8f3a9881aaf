import { AbortedError, UnavailableError } from 'meridian';
import { createCache } from 'meridian/cache';
import { expect, it, vi } from 'vitest';

/** A cache whose only entry is past its time, but may still stand in for its source. */
async function withStaleEntry() {
  const cache = createCache<string>({
    redis: false,
    namespace: 'test',
    ttlMs: 1,
    staleMs: 60_000,
  });
  await cache.get('ada', async () => 'old');
  await vi.waitFor(() => expect(cache.peek('ada')).toBeUndefined());
  return cache;
}

it('an old value stands in for a source that can not answer', async () => {
  const cache = await withStaleEntry();
  const down = () => Promise.reject(new UnavailableError('down'));
  expect(await cache.get('ada', down)).toBe('old');
  expect(await cache.getMany(['ada', 'ada'], down)).toEqual(['old', 'old']);
  await cache.close();
});

it('a caller who leaves gets no value, not even an old one', async () => {
  const cache = createCache<string>({ redis: false, namespace: 'test', ttlMs: 60_000 });
  const controller = new AbortController();
  const left = cache.get('ada', () => new Promise(() => {}), { signal: controller.signal });
  controller.abort();
  await expect(left).rejects.toThrow(AbortedError);
  await cache.close();
});
