import { createCache } from 'meridian/cache';
import { expect, it } from 'vitest';

function later<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}

it('a load that everybody gave up brings nothing back after an invalidation', async () => {
  const cache = createCache<string>({ redis: false, namespace: 'test', ttlMs: 60_000 });
  const slow = later<string>();
  const controller = new AbortController();
  // This source does not heed the signal, as many do not.
  const left = cache.get('ada', () => slow.promise, { signal: controller.signal });
  controller.abort();
  await expect(left).rejects.toMatchObject({ code: 'MERIDIAN_ABORTED' });
  expect(await cache.get('ada', async () => 'newer')).toBe('newer');
  await cache.invalidate('ada');
  slow.resolve('old');
  await slow.promise;
  for (let step = 0; step < 20; step++) await undefined;
  expect(cache.peek('ada')).toBeUndefined();
  expect(await cache.get('ada', async () => 'newest')).toBe('newest');
  await cache.close();
});
