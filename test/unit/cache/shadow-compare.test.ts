import type { MeridianEvent } from 'meridian';
import { beforeEach, expect, it, vi } from 'vitest';
import { ReadThrough } from '../../../src/cache/read-through.ts';
import { cacheConfig } from '../../support/redis/read-through.ts';

interface User {
  readonly name: string;
  readonly at: Date;
}

let events: MeridianEvent[];
let cache: ReadThrough<User>;

beforeEach(() => {
  events = [];
  cache = open(1);
});

function open(shadowRate: number): ReadThrough<User> {
  const decode = () => undefined;
  return new ReadThrough<User>({ ...cacheConfig, decode, shadowRate }, undefined, (event) =>
    events.push(event),
  );
}

const ada = (time = 5): User => ({ name: 'Ada', at: new Date(time) });
const shadows = () => events.filter((event) => event.type === 'cache-shadow');
const get = (load: () => Promise<User | null>) =>
  cache.get('ada', () => async () => [await load()]);
const compared = () => vi.waitFor(() => expect(shadows()).toHaveLength(1));

it('a value like that of its source is the same, and what was loaded is not compared', async () => {
  const load = vi.fn(async () => ada());
  await get(load);
  expect(load).toHaveBeenCalledTimes(1);
  expect(await get(load)).toEqual(ada());
  await compared();
  expect(load).toHaveBeenCalledTimes(2);
  expect(shadows()).toMatchObject([{ table: 'test', outcome: 'same' }]);
});

it.each([
  ['differs', async () => ada(6)],
  ['is gone', async () => null],
])('a value whose source %s, of which nobody said so, is stale', async (_, changed) => {
  await get(async () => ada());
  expect(await get(changed)).toEqual(ada());
  await compared();
  expect(shadows()).toMatchObject([{ outcome: 'stale', ageMs: expect.any(Number) }]);
  // The comparison is no load of the cache: what it found is not served.
  expect(cache.peek('ada')?.value).toEqual(ada());
});

it('a value that was invalidated while it was compared is not stale', async () => {
  await get(async () => ada());
  await get(async () => {
    await cache.invalidate(['ada']);
    return ada(6);
  });
  await compared();
  expect(shadows()).toMatchObject([{ outcome: 'same' }]);
});

it('a source that can not answer proves nothing, and is told', async () => {
  await get(async () => ada());
  expect(await get(() => Promise.reject(new Error('down')))).toEqual(ada());
  await compared();
  expect(shadows()).toMatchObject([{ outcome: 'failed' }]);
  expect(events).toContainEqual({ type: 'cache-fault', operation: 'shadow', message: 'down' });
});

it('a key is compared by one read at a time', async () => {
  await get(async () => ada());
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const load = vi.fn(async () => {
    await ended;
    return ada();
  });
  for (let turn = 0; turn < 5; turn++) await get(load);
  expect(load).toHaveBeenCalledTimes(1);
  end();
  await compared();
  await get(load);
  expect(load).toHaveBeenCalledTimes(2);
});

it('the share of the reads that are compared is what was asked for', async () => {
  cache = open(0.25);
  const loads = vi.fn(async () => ada());
  await get(loads);
  for (let turn = 0; turn < 2_000; turn++) {
    // As tables and createCache() read: memory first, if this read is not of the sample.
    if (cache.hit('ada') === undefined) await get(loads);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await vi.waitFor(() => expect(shadows().length).toBe(loads.mock.calls.length - 1));
  expect(shadows().length).toBeGreaterThan(400);
  expect(shadows().length).toBeLessThan(600);
});
