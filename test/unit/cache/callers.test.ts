import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { LoaderError, type MeridianEvent } from 'meridian';
import { type CacheOptions, createCache } from 'meridian/cache';
import { expect, it, vi } from 'vitest';

const open = <V>(options: Partial<CacheOptions<V>> = {}) =>
  createCache<V>({ redis: false, namespace: 'test', ttlMs: 60_000, ...options });

const request = new AsyncLocalStorage<string>();

it('C1: each loader runs in the async context of its caller, also one that waited for room', async () => {
  const cache = open<string | undefined>({ loadConcurrency: 1 });
  const load = async () => {
    await pause(1);
    return request.getStore();
  };
  const users = ['ada', 'grace', 'edsger'];
  const seen = users.map((user) => request.run(user, () => cache.get(user, load)));
  expect(await Promise.all(seen)).toEqual(users);
  const many = users.map((user) =>
    request.run(user, () => cache.getMany([`${user}'s`], async () => [await load()])),
  );
  expect(await Promise.all(many)).toEqual(users.map((user) => [user]));
  await cache.close();
});

it('C1: a refresh aside runs in the context of the read that began it', async () => {
  const cache = open<string | undefined>({ ttlMs: 1, staleMs: 60_000, jitter: 0 });
  const load = async () => request.getStore();
  await request.run('first', () => cache.get('key', load));
  await pause(5);
  await request.run('second', () => cache.get('key', load));
  await vi.waitFor(async () => expect(await cache.get('key', async () => 'none')).toBe('second'));
  await cache.close();
});

const nonsense: readonly (readonly [string, () => Promise<unknown>])[] = [
  [
    'throws before it returns a promise',
    () => {
      throw new Error('at once');
    },
  ],
  ['answers with no array', async () => undefined],
  ['answers with another number', async () => []],
];

it.each(nonsense)(
  'C2: a refresh whose loader %s leaves the old value, is told, and is tried again',
  async (_, load) => {
    const events: MeridianEvent[] = [];
    const cache = open<unknown>({
      ttlMs: 1,
      staleMs: 60_000,
      jitter: 0,
      observer: (event) => events.push(event),
    });
    const faults = () => events.filter(({ type }) => type === 'cache-fault').length;
    await cache.getMany(['key'], async () => ['old']);
    await pause(5);
    // As JavaScript may give it, where no type says that it is wrong.
    const loader: () => Promise<never> = Reflect.apply(Function.prototype.bind, load, [undefined]);
    for (let turn = 1; turn < 3; turn++) {
      expect(await cache.getMany(['key'], loader)).toEqual(['old']);
      await vi.waitFor(() => expect(faults()).toBe(turn));
    }
    await cache.close();
  },
);

it('C5: a loader that answers with another number of values is told both numbers; nothing is kept', async () => {
  const cache = open<string>();
  for (const answer of [['a', 'c'], ['a', 'b', 'c', 'd'], []]) {
    const failure = await cache
      .getMany(['a', 'b', 'c'], async () => answer)
      .catch((error) => error);
    expect(failure).toBeInstanceOf(LoaderError);
    expect(failure.message).toContain('asked for 3 keys');
    expect(failure.message).toContain(`${answer.length} values`);
  }
  expect(['a', 'b', 'c'].map((key) => cache.peek(key))).toEqual([undefined, undefined, undefined]);
  await cache.close();
});

it('C6: loads whose loaders load from the same cache are answered, however deep', async () => {
  const cache = open<string>();
  const answers = await Promise.all(
    Array.from({ length: 64 }, (_, at) =>
      cache.get(`user-${at}`, async () => {
        await pause(1);
        const org = await cache.get(`org-${at}`, async () => {
          await pause(1);
          return `org of ${await cache.get(`place-${at}`, async () => `place ${at}`)}`;
        });
        return `user of ${org}`;
      }),
    ),
  );
  expect(answers[63]).toBe('user of org of place 63');
  await cache.close();
});

it('C6: what waits behind a slow source is not let in all at once', async () => {
  const cache = open<number>({ loadConcurrency: 4 });
  let running = 0;
  let most = 0;
  const slow = async () => {
    most = Math.max(most, ++running);
    await pause(120);
    running--;
    return 1;
  };
  await Promise.all(Array.from({ length: 40 }, (_, at) => cache.get(String(at), slow)));
  expect(most).toBeLessThanOrEqual(8);
  await cache.close();
});
