import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { cachesOn, soon } from '../../support/redis/caches-on.ts';
import { forEachSharedRedis } from '../../support/redis/redis-kinds.ts';

/** What a cache promises where several processes share a Redis. */
forEachSharedRedis((ground) => {
  const { open, raw, nameOf, faults, loads, compared, isStored } = cachesOn(ground);

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
    expect(await raw().get(nameOf('ada'))).toBeNull();
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
    const lease = `${nameOf('ada')}:lease`;
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
    const name = nameOf('ada');
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
    await soon(async () => expect(await raw().exists(`${nameOf('alan')}:lease`)).toBe(0));
    expect(await raw().get(nameOf('alan'))).toBeNull();
  });

  it('keeps out of Redis what is too long for it, and reads no such thing', async () => {
    const cache = await open<string>({
      memory: false,
      maxEntryBytes: 1_000,
      commandTimeoutMs: 100,
    });
    expect(await cache.get('long', async () => 'x'.repeat(2_000))).toHaveLength(2_000);
    expect(await raw().get(nameOf('long'))).toBeNull();
    expect(faults()).toMatchObject([{ operation: 'encode' }]);
    const packed = await open<string>({ maxEntryBytes: 1_000, compressOverBytes: 100 });
    await packed.get('packed', async () => 'x'.repeat(2_000));
    await isStored('packed');
    const other = await open<string>({
      memory: false,
      maxEntryBytes: 1_000,
      compressOverBytes: 5_000,
    });
    expect(await other.get('packed', async () => null)).toHaveLength(2_000);
    // What it writes itself is not compressed, and what it reads may not be more than that.
    expect(await cache.get('packed', async () => null)).toBeNull();
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

  it.each([
    [10, 9],
    [100, 99],
    [1, -1],
    [-9, -10],
    [-98, -99],
  ])('version %i is replaced by no older one, %i', async (newer, older) => {
    const version = ({ version }: { version: number }) => version;
    const slow = await open<{ version: number }>({ memory: false, version, leaseMs: 100 });
    const quick = await open<{ version: number }>({ memory: false, version, leaseMs: 100 });
    await quick.get('ada', async () => ({ version: newer }));
    await isStored('ada');
    // As by a load whose source lags, and which begins after the invalidation of the newer one.
    const lagging = await slow.get('ada', async () => ({ version: older }), { maxAgeMs: 0 });
    expect(lagging).toEqual({ version: older });
    expect(await quick.get('ada', async () => null)).toEqual({ version: newer });
  });

  it('a server that is a master again revives nothing of the time before', async () => {
    const redis = ground.servers();
    const cache = await open<string>({ memory: false });
    await cache.get('ada', async () => 'old');
    await isStored('ada');
    const name = nameOf('ada');
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
    await eventually(async () => expect(await cache.invalidate('ada')).toBe('done'), {
      timeout: 20_000,
    });
    // As it comes back with the data of a server that had not heard of its invalidation.
    await raw().set(name, kept);
    expect(await cache.get('ada', async () => 'new')).toBe('new');
  }, 60_000);

  it('what a comparison finds is reported', async () => {
    const cache = await open<number>({ shadowRate: 1, maxGapMs: 100 });
    await cache.get('same', async () => 1);
    await cache.get('same', async () => 1);
    await cache.get('changed', async () => 1);
    await soon(() => expect(compared()).toEqual(['same']));
    await cache.get('changed', async () => 2);
    await soon(() => expect(compared().filter((one) => one === 'stale')).toHaveLength(1));
    expect(compared().filter((one) => one === 'same').length).toBeGreaterThan(0);
  });
});
