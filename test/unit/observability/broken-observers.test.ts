import { createCache } from 'meridian/cache';
import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([
  [
    'throws',
    () => {
      throw new Error('broken');
    },
  ],
  ['rejects', async () => Promise.reject(new Error('broken'))],
  [
    'throws when it is asked what it wants',
    Object.assign(() => {}, {
      wants: () => {
        throw new Error('broken');
      },
    }),
  ],
])(
  'C16: an observer that %s fails no call and ends no process; it is told once',
  async (_, observer) => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const cache = createCache<number>({
      redis: false,
      namespace: 'test',
      ttlMs: 60_000,
      observer,
    });
    for (const key of ['a', 'b', 'c']) expect(await cache.get(key, async () => 1)).toBe(1);
    await cache.close();
    await vi.waitFor(() => expect(warned).toHaveBeenCalled());
    expect(warned).toHaveBeenCalledOnce();
    expect(warned.mock.calls[0]?.[0]).toContain('broken');
  },
);
