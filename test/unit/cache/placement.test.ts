import { expect, it, vi } from 'vitest';
import { ReadThrough } from '../../../src/cache/read-through.ts';
import { cacheConfig } from '../../support/redis/read-through.ts';

it('what moved is a miss, and a change elsewhere flushes nothing', async () => {
  let topology = { home: new Map([['moved', 'eu-1']]) };
  const placement = {
    current: () => topology,
    of: (key: string) => topology.home.get(key) ?? 'eu-1',
  };
  const decode = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const cache = new ReadThrough<string>({ ...cacheConfig, decode, placement }, undefined, () => {});
  const load = vi.fn(async (keys: readonly string[]) => [...keys]);
  await cache.getMany(['moved', 'stayed'], load);
  topology = { home: new Map([['moved', 'eu-2']]) };
  expect(cache.peek('stayed')?.value).toBe('stayed');
  expect(cache.peek('moved')).toBeUndefined();
  await cache.getMany(['moved', 'stayed'], load);
  expect(load.mock.calls.map(([keys]) => keys)).toEqual([['moved', 'stayed'], ['moved']]);
  expect(cache.peek('moved')?.value).toBe('moved');
});
