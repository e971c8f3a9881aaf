import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { cachesOn, soon } from '../../support/redis/caches-on.ts';
import { forEachSharedRedis } from '../../support/redis/redis-kinds.ts';

const request = new AsyncLocalStorage<string>();
const users = ['ada', 'grace', 'edsger'];

/** What callers' functions and values meet behind a Redis. */
forEachSharedRedis((ground) => {
  const { open, faults, isStored } = cachesOn(ground);
  const load = async () => request.getStore() ?? 'none';

  it('C1: loads of one tick run in the async contexts of their callers', async () => {
    const cache = await open<string>({ memory: false });
    for (let round = 0; round < 5; round++) {
      const loads = users.map((user) =>
        request.run(user, () => cache.get(`${user}-${round}`, load)),
      );
      expect(await Promise.all(loads)).toEqual(users);
    }
    const mine = users.map((user) =>
      request.run(user, () =>
        cache.getMany([`${user}-a`, `${user}-b`], (keys) => Promise.all(keys.map(load))),
      ),
    );
    expect(await Promise.all(mine)).toEqual(users.map((user) => [user, user]));
  });

  it('C1: refreshes and comparisons of what Redis had run in the contexts of their readers', async () => {
    const cache = await open<string>({
      memory: false,
      ttlMs: 20,
      staleMs: 60_000,
      jitter: 0,
      shadowRate: 1,
    });
    for (const user of users) {
      await cache.get(user, load);
      await isStored(user);
    }
    await pause(30);
    const seen = new Set<string>();
    const noted = (key: string) => async () => {
      seen.add(`${key} for ${request.getStore()}`);
      return load();
    };
    await Promise.all(users.map((user) => request.run(user, () => cache.get(user, noted(user)))));
    await vi.waitFor(() => expect(seen.size).toBe(users.length));
    expect([...seen].sort()).toEqual(users.map((user) => `${user} for ${user}`).sort());
  });

  it('what has a promise for its version is served, kept out of Redis, and told', async () => {
    const version = Object(() => Promise.reject(new Error('late')));
    const cache = await open<string>({ version });
    expect(await cache.get('ada', async () => 'Ada')).toBe('Ada');
    await soon(() => expect(faults()).toMatchObject([{ message: expect.any(String) }]));
  });

  it('C4: what another process stored is of the same kind; what would not be is kept out', async () => {
    const [here, there] = [await open<unknown>(), await open<unknown>()];
    const value = {
      numbers: new Float64Array([1.5, -0, Number.NaN]),
      bytes: new Uint8Array([1]),
      buffer: Buffer.from([2]),
      bare: Object.assign(Object.create(null), { a: 1 }),
    };
    await here.get('kinds', async () => value);
    await isStored('kinds');
    expect(await there.get('kinds', async () => null)).toStrictEqual(value);
    expect(faults()).toEqual([]);
    const link = { url: new URL('https://example.org/') };
    expect(await here.get('link', async () => link)).toBe(link);
    expect(await there.get('link', async () => null)).toBeNull();
    expect(faults()).toHaveLength(1);
  });
});
