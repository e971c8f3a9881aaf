import { setTimeout as pause } from 'node:timers/promises';
import type { MeridianEvent } from 'meridian';
import { type Cache, type CacheOptions, createCache } from 'meridian/cache';
import { afterEach, expect, it, vi } from 'vitest';
import { valueKey } from '../../src/cache/redis-keys.ts';
import { forEachRedisKind } from '../support/redis-kinds.ts';

/** Everything that a cache promises, wherever it stands. Two caches are two processes to each other. */
forEachRedisKind((ground) => {
  const caches: { close(): Promise<void> }[] = [];
  let events: MeridianEvent[] = [];
  let turn = 0;
  let namespace = '';

  afterEach(async () => {
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
    events = [];
    namespace = '';
  });

  /** A process's cache. Those of one test share a namespace. */
  async function open<V>(options: Partial<CacheOptions<V>> = {}): Promise<Cache<V>> {
    if (namespace === '') namespace = `test-${++turn}`;
    const cache = createCache<V>({
      redis: ground.open(),
      namespace,
      ttlMs: 60_000,
      maxGapMs: 200,
      commandTimeoutMs: 2_000,
      observer: (event) => events.push(event),
      ...options,
    });
    caches.push(cache);
    expect(await cache.ready({ timeoutMs: 10_000 })).toBe(true);
    return cache;
  }

  const soon = <T>(what: () => T) => vi.waitFor(what, { interval: 3, timeout: 5_000 });
  const hasRedis = ground.kind !== 'memory';
  const faults = () => events.filter(({ type }) => type === 'cache-fault');
  const loads = () => events.filter(({ type }) => type === 'cache-load').length;
  /** Redis itself, past the cache. */
  const raw = () => {
    const client = ground.open();
    if (client === false) throw new TypeError('there is no Redis');
    return client;
  };
  const isStored = (key: string) =>
    soon(async () =>
      expect(await raw().get(valueKey(namespace, key))).toMatch(/^m2\|\d*\|[^|]*\|\w{16}\|/),
    );

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

  if (!hasRedis) return;

  it('another process finds in Redis what this one loaded, whatever it is', async () => {
    const value = {
      at: new Date(5),
      big: 2n ** 70n,
      bytes: Buffer.from([0, 255]),
      none: undefined,
      map: new Map([['a', { n: Number.NaN }]]),
      $: 'sign',
    };
    const [here, there] = [await open<typeof value>(), await open<typeof value>()];
    await here.get('ada', async () => value);
    await isStored('ada');
    expect(await there.get('ada', async () => null)).toEqual(value);
    expect(loads()).toBe(1);
  });

  it('memory of another process hears of an invalidation', async () => {
    const [here, there] = [await open<number>(), await open<number>()];
    for (let round = 0; round < 20; round++) {
      await here.get('ada', async () => round);
      await there.get('ada', async () => round);
      expect(await here.invalidate('ada')).toBe('done');
      expect(here.peek('ada')).toBeUndefined();
      await soon(() => expect(there.peek('ada')).toBeUndefined());
    }
  });

  it('without memory nothing is served that was out of date when it was asked for', async () => {
    const writer = await open<number>({ memory: false });
    const reader = await open<number>({ memory: false });
    let current = 0;
    let acknowledged = 0;
    const load = async () => {
      const read = current;
      await pause(Math.random() * 3);
      return read;
    };
    let isOver = false;
    const readers = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const least = acknowledged;
        expect(await reader.get('ada', load)).toBeGreaterThanOrEqual(least);
      }
    });
    for (let round = 1; round <= 200; round++) {
      await pause(1);
      // Changed first, invalidated then, acknowledged last.
      current = round;
      expect(await writer.invalidate('ada')).toBe('done');
      acknowledged = round;
    }
    isOver = true;
    await Promise.all(readers);
  });

  it('a lease that its holder lost fills nothing', async () => {
    const [slow, writer] = [await open<string>(), await open<string>()];
    const before = slow.get('ada', async () => {
      await writer.invalidate('ada');
      return 'old';
    });
    expect(await before).toBe('old');
    await slow.invalidate('other');
    expect(await raw().get(valueKey(namespace, 'ada'))).toBeNull();
    expect(await writer.get('ada', async () => 'new')).toBe('new');
  });

  it('loads by itself what another process takes too long to load', async () => {
    const leaseMs = 200;
    const [dead, waiting] = [await open<string>({ leaseMs }), await open<string>({ leaseMs })];
    const gone = new AbortController();
    const hanging = dead.get(
      'ada',
      async ({ signal }) => {
        await pause(60_000, undefined, { signal });
        return 'late';
      },
      { signal: gone.signal },
    );
    const failed = expect(hanging).rejects.toMatchObject({ code: 'MERIDIAN_ABORTED' });
    const lease = `${valueKey(namespace, 'ada')}:lease`;
    await soon(async () => expect(await raw().exists(lease)).toBe(1));
    expect(await waiting.get('ada', async () => 'own')).toBe('own');
    gone.abort();
    await failed;
  });

  it('what it can not read in Redis is a miss and an event', async () => {
    const cache = await open<string>({
      memory: false,
      schema: 'two',
      decode: (value) => (typeof value === 'string' ? value : undefined),
    });
    const old = await open<string>({ memory: false, schema: 'one' });
    const other = await open<number>({ memory: false, schema: 'two' });
    const name = valueKey(namespace, 'ada');
    const client = raw();
    for (const text of ['', 'garbage', '{"name":"Ada"}', 'm1|two|1|"Ada"', 'm2|', 'm2||two|x|y']) {
      await client.set(name, text);
      expect(await cache.get('ada', async () => 'Ada'), text).toBe('Ada');
      await isStored('ada');
    }
    await client.del(name);
    await old.get('ada', async () => 'old');
    await isStored('ada');
    expect(await cache.get('ada', async () => 'Ada')).toBe('Ada');
    await client.del(name);
    await other.get('ada', async () => 42);
    await isStored('ada');
    expect(await cache.get('ada', async () => 'Ada')).toBe('Ada');
    await client.del(name);
    await client.hset(name, 'field', 'value');
    expect(await cache.get('ada', async () => 'Ada')).toBe('Ada');
    expect(faults().length).toBeGreaterThan(5);
  });

  it('takes what its own code chokes on for a miss', async () => {
    const decode = () => {
      throw new Error('choked');
    };
    const [writer, reader] = [await open<string>(), await open<string>({ decode })];
    await writer.getMany(['ada', 'grace'], async (keys) => [...keys]);
    await Promise.all([isStored('ada'), isStored('grace')]);
    expect(await reader.getMany(['ada', 'grace'], async () => ['a', 'g'])).toEqual(['a', 'g']);
    expect(faults()).toContainEqual(expect.objectContaining({ operation: 'decode' }));
    expect(JSON.stringify(faults())).not.toContain('choked');
    const version = () => {
      throw new Error('no version');
    };
    const versioned = await open<string>({ version });
    expect(await versioned.get('alan', async () => 'Alan')).toBe('Alan');
    await soon(async () =>
      expect(await raw().exists(`${valueKey(namespace, 'alan')}:lease`)).toBe(0),
    );
    expect(await raw().get(valueKey(namespace, 'alan'))).toBeNull();
  });

  it('keeps out of Redis what is too long for it, and reads no such thing', async () => {
    const cache = await open<string>({
      memory: false,
      maxEntryBytes: 1_000,
      commandTimeoutMs: 100,
    });
    expect(await cache.get('long', async () => 'x'.repeat(2_000))).toHaveLength(2_000);
    expect(await raw().get(valueKey(namespace, 'long'))).toBeNull();
    expect(faults()).toMatchObject([{ operation: 'encode' }]);
    const packed = await open<string>({ maxEntryBytes: 1_000, compressOverBytes: 100 });
    await packed.get('packed', async () => 'x'.repeat(2_000));
    await isStored('packed');
    expect(await cache.get('packed', async () => null)).toHaveLength(2_000);
  });

  it('scripts that a server has forgotten are sent again', async () => {
    const cache = await open<string>();
    const client = raw();
    const servers = 'nodes' in client ? client.nodes('master') : [client];
    await Promise.all(servers.map((server) => server.script('FLUSH')));
    await cache.get('ada', async () => 'Ada');
    await isStored('ada');
    expect(await cache.invalidate('ada')).toBe('done');
    expect(faults()).toEqual([]);
  });

  it('an older version replaces no newer one', async () => {
    const version = ({ version }: { version: number }) => version;
    const slow = await open<{ version: number }>({ memory: false, version, leaseMs: 100 });
    const quick = await open<{ version: number }>({ memory: false, version, leaseMs: 100 });
    await quick.get('ada', async () => ({ version: 10 }));
    await isStored('ada');
    // As by a load whose source lags, and which begins after the invalidation of version 10.
    expect(await slow.get('ada', async () => ({ version: 9 }), { maxAgeMs: 0 })).toEqual({
      version: 9,
    });
    expect(await quick.get('ada', async () => null)).toEqual({ version: 10 });
  });

  it('a server that is a master again revives nothing of the time before', async () => {
    const redis = ground.servers();
    const cache = await open<string>({ memory: false });
    await cache.get('ada', async () => 'old');
    await isStored('ada');
    const name = valueKey(namespace, 'ada');
    const kept = (await raw().get(name)) ?? '';
    if (redis.kind === 'standalone') {
      await redis.servers[0]?.kill();
      await redis.servers[0]?.restart();
    } else {
      const first = await redis.master(name);
      await redis.failover(name);
      await redis.failover(name);
      expect((await redis.master(name)).port).toBe(first.port);
    }
    await vi.waitFor(async () => expect(await cache.invalidate('ada')).toBe('done'), 20_000);
    // As it comes back with the data of a server that had not heard of its invalidation.
    await raw().set(name, kept);
    expect(await cache.get('ada', async () => 'new')).toBe('new');
  }, 60_000);

  it('what a comparison finds is reported', async () => {
    const cache = await open<number>({ shadowRate: 1, maxGapMs: 100 });
    await cache.get('same', async () => 1);
    await cache.get('same', async () => 1);
    await cache.get('changed', async () => 1);
    const outcomes = () =>
      events.flatMap((event) => (event.type === 'cache-shadow' ? [event.outcome] : []));
    await soon(() => expect(outcomes()).toEqual(['same']));
    await cache.get('changed', async () => 2);
    await soon(() => expect(outcomes().filter((one) => one === 'stale')).toHaveLength(1));
    expect(outcomes().filter((one) => one === 'same').length).toBeGreaterThan(0);
  });
});
