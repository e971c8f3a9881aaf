import { setTimeout as pause } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { cachesOn, soon } from '../../support/redis/caches-on.ts';
import { forEachRedisKind } from '../../support/redis/redis-kinds.ts';

/** What a cache promises wherever it stands. */
forEachRedisKind((ground) => {
  const { open, hasRedis, faults, loads, isStored } = cachesOn(ground);

  it('loads a key once, and serves it from memory', async () => {
    const cache = await open<string>();
    const load = vi.fn(async () => 'Ada');
    expect(cache.peek('ada')).toBeUndefined();
    expect(await cache.get('ada', load)).toBe('Ada');
    expect(cache.peek('ada')).toBe('Ada');
    expect(await cache.get('ada', load)).toBe('Ada');
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('loads a cold key once for all who ask at the same time', async () => {
    const cache = await open<number>();
    const others = hasRedis ? [await open<number>(), await open<number>({ memory: false })] : [];
    const load = vi.fn(async () => {
      await pause(50);
      return 1;
    });
    const asked = Array.from({ length: 200 }, (_, index) =>
      [cache, ...others][index % (1 + others.length)]?.get('ada', load),
    );
    expect(new Set(await Promise.all(asked))).toEqual(new Set([1]));
    expect(load).toHaveBeenCalledTimes(1);
    expect(loads()).toBe(1);
  });

  it('answers all who wait for a load that fails with its error, and loads again for the next', async () => {
    const cache = await open<number>();
    const own = new Error('down');
    const load = vi.fn(async () => {
      await pause(10);
      throw own;
    });
    const asked = await Promise.allSettled(
      Array.from({ length: 20 }, () => cache.get('ada', load)),
    );
    for (const one of asked) expect(one).toMatchObject({ status: 'rejected', reason: own });
    expect(load).toHaveBeenCalledTimes(1);
    expect(await cache.get('ada', async () => 2)).toBe(2);
  });

  it('remembers an error for as long as it is told to', async () => {
    const cache = await open<number>({ errorTtlMs: 60_000 });
    const load = vi.fn(() => Promise.reject(new Error('down')));
    for (let time = 0; time < 3; time++)
      await expect(cache.get('ada', load)).rejects.toThrow('down');
    expect(load).toHaveBeenCalledTimes(1);
    await cache.invalidate('ada');
    expect(await cache.get('ada', async () => 2)).toBe(2);
  });

  it('keeps order, absences and repeats of many keys, and loads those that lack together', async () => {
    const cache = await open<string>();
    await cache.get('b', async () => 'B');
    const loadMany = vi.fn(async (keys: readonly string[]) =>
      keys.map((key) => (key === 'none' ? null : key.toUpperCase())),
    );
    const asked = ['c', 'b', 'none', 'a', 'c'];
    const expected = ['C', 'B', null, 'A', 'C'];
    expect(await cache.getMany(asked, loadMany)).toEqual(expected);
    expect(loadMany.mock.calls.map(([keys]) => keys)).toEqual([['c', 'none', 'a']]);
    expect(await cache.getMany(asked, loadMany)).toEqual(expected);
    expect(loadMany).toHaveBeenCalledTimes(1);
    expect(await cache.getMany([], loadMany)).toEqual([]);
  });

  it('remembers that there is none', async () => {
    const cache = await open<string>({ negativeTtlMs: 60_000 });
    const load = vi.fn(async () => null);
    expect(await cache.get('nobody', load)).toBeNull();
    expect(await cache.get('nobody', load)).toBeNull();
    expect(cache.peek('nobody')).toBeNull();
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('forgets what is invalidated, also while it is loaded', async () => {
    const cache = await open<string>();
    let current = '';
    const load = async () => {
      const read = current;
      await pause(3);
      return read;
    };
    for (let round = 0; round < 20; round++) {
      current = 'old';
      const before = cache.get('ada', load);
      await pause(round % 4);
      current = `new ${round}`;
      expect(await cache.invalidate('ada')).toBe('done');
      expect(await cache.get('ada', load)).toBe(`new ${round}`);
      await before;
      expect(await cache.get('ada', async () => 'newer')).toBe(`new ${round}`);
      await cache.invalidate('ada');
    }
  });

  it('takes a loader that brings undefined for one that brings nothing', async () => {
    const cache = await open<string>();
    const nothing: () => Promise<string | null> = async () => JSON.parse('{}').missing;
    expect(await cache.get('ada', nothing)).toBeNull();
  });

  it('ends a load that never returns, and loads again', async () => {
    const cache = await open<string>({ loadTimeoutMs: 50 });
    const hanging = cache.get('ada', () => new Promise(() => {}));
    await expect(hanging).rejects.toMatchObject({ code: 'MERIDIAN_TIMEOUT' });
    expect(await cache.get('ada', async () => 'Ada')).toBe('Ada');
  });

  it('refuses loads past its limit, or serves what is old', async () => {
    const cache = await open<string>({
      loadConcurrency: 2,
      loadQueue: 1,
      staleIfErrorMs: 60_000,
      ttlMs: 1,
    });
    await cache.get('old', async () => 'Ada');
    await soon(() => expect(cache.peek('old')).toBeUndefined());
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    let running = 0;
    let most = 0;
    const load = async () => {
      most = Math.max(most, ++running);
      await ended;
      running--;
      return 'loaded';
    };
    const admitted = ['a', 'b', 'c'].map((key) => cache.get(key, load));
    await soon(() => expect(running).toBe(2));
    await pause(20);
    await expect(cache.get('d', load)).rejects.toMatchObject({ code: 'MERIDIAN_OVERLOAD' });
    expect(await cache.get('old', load)).toBe('Ada');
    end();
    expect(await Promise.all(admitted)).toEqual(['loaded', 'loaded', 'loaded']);
    expect(most).toBe(2);
  });

  it('serves an old value while a new one loads, within staleMs', async () => {
    const cache = await open<string>({ ttlMs: 20, staleMs: 60_000 });
    await cache.get('ada', async () => 'old');
    await soon(() => expect(cache.peek('ada')).toBeUndefined());
    await soon(async () => expect(await cache.get('ada', async () => 'new')).toBe('new'));
  });

  it('loads anew what is older than a caller wants', async () => {
    const cache = await open<number>();
    let version = 0;
    const load = async () => ++version;
    expect(await cache.get('ada', load)).toBe(1);
    expect(await cache.get('ada', load, { maxAgeMs: 60_000 })).toBe(1);
    await pause(5);
    expect(await cache.get('ada', load, { maxAgeMs: 2 })).toBe(2);
    expect(await cache.get('ada', load)).toBe(2);
  });

  it('gives what one call loads the life that it asks for', async () => {
    const cache = await open<number>();
    await cache.get('ada', async () => 1, { ttlMs: 5 });
    await soon(async () => expect(await cache.get('ada', async () => 2)).toBe(2));
    await expect(cache.get('ada', async () => 3, { ttlMs: -1 })).rejects.toThrow('ttlMs');
  });

  it.each([
    ['spaces', 'a b  c', 'a b c'],
    ['unicode', 'Грейс 👩‍🚀', 'Грейс 👩'],
    ['braces', '{a}b', '{a}c'],
    ['what braces are written as', 'a%7bb', 'a{b'],
    ['a line break', 'a\nb', 'a\r\nb'],
    ['half a character', 'a\ud800', 'a\ufffd'],
    ['10 kB', 'k'.repeat(10_000), 'k'.repeat(10_001)],
    ['nothing in it', '', ' '],
  ])('tells keys apart with %s', async (_, one, other) => {
    const cache = await open<string>();
    const reader = hasRedis ? await open<string>() : cache;
    const load = async (keys: readonly string[]) => keys.map((key) => JSON.stringify(key));
    const expected = [JSON.stringify(one), JSON.stringify(other)];
    expect(await cache.getMany([one, other], load)).toEqual(expected);
    if (hasRedis) await Promise.all([isStored(one), isStored(other)]);
    expect(await reader.getMany([one, other], async (keys) => keys.map(() => 'lost'))).toEqual(
      expected,
    );
    await cache.invalidate(one);
    await soon(() => expect(reader.peek(one)).toBeUndefined());
    expect(reader.peek(other)).toBe(JSON.stringify(other));
    expect(faults()).toEqual([]);
  });
});
