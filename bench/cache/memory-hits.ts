import { setTimeout as sleep } from 'node:timers/promises';
import { type Contender, compare } from '../measure.ts';
import type { Result } from '../result.ts';
import { maxGapMs, openMeridian } from './meridian.ts';
import { lruCache } from './peer-modules.ts';
import { peers } from './peers.ts';
import { maxEntries, type Row, rowOf, ttlMs } from './rival.ts';

const keys = Array.from({ length: 1_024 }, (_, index) => `memory-${index}`);

/** Hits in process memory against lru-cache alone, which has nothing else to do. */
export async function memoryHits(redis: string): Promise<Result[]> {
  const lru = new lruCache.LRUCache<Row>({ max: maxEntries, ttl: ttlMs });
  for (const key of keys) lru.set(key, rowOf(key));
  let loads = 0;
  const source = async () => {
    loads++;
    return rowOf('any');
  };
  let peersLoads = 0;
  const load = async (key: string) => {
    peersLoads++;
    return rowOf(key);
  };
  const setup = { namespace: 'bench-memory', redis, memory: true } as const;
  const cache = openMeridian(setup);
  const rivals = peers.map((peer) => ({
    name: peer.name,
    cache: peer.open({ ...setup, redis: false }, load),
  }));
  try {
    const fill = async () => {
      for (const key of keys) await cache.get(key, source);
    };
    for (let turn = 0; turn < 100 && (await cache.invalidate('warm')) === 'pending'; turn++) {
      await sleep(50);
    }
    await fill();
    // What was read before others' invalidations were heard of is read again once it is this old.
    await sleep(1.5 * maxGapMs);
    await fill();
    for (const rival of rivals) for (const key of keys) await rival.cache.get(key);
    loads = 0;
    peersLoads = 0;
    let unseen = 0;
    const measured = await compare(
      {
        'lru get, awaited': turns(async () => {
          for (const key of keys) await lru.get(key);
        }),
        'lru get': turns(() => {
          for (const key of keys) if (lru.get(key) === undefined) unseen++;
        }),
        meridian: turns(async () => {
          for (const key of keys) await cache.get(key, source);
        }),
        peek: turns(() => {
          for (const key of keys) if (cache.peek(key) === undefined) unseen++;
        }),
        ...Object.fromEntries(
          rivals.map(({ name, cache: rival }) => [
            name,
            turns(async () => {
              for (const key of keys) await rival.get(key);
            }),
          ]),
        ),
      },
      { rounds: 7, ms: 250 },
    );
    const speed = new Map(measured.map(({ name, perSecond }) => [name, perSecond]));
    const awaited = speed.get('lru get, awaited') ?? Number.NaN;
    const ratio = (name: string, to = awaited) => (speed.get(name) ?? 0) / to;
    const all = ['meridian', ...peers.map(({ name }) => name)];
    const peek = ratio('peek', speed.get('lru get'));
    const others = peers.map(({ name }) => `${name} ${ratio(name).toFixed(3)}`).join(', ');
    return [
      {
        name: 'memory hit, awaited',
        value: `${ratio('meridian').toFixed(2)} × lru-cache get + await at ${millions(awaited)}  (${others})`,
        target: '≥ 0.65 ×, no load',
        met: ratio('meridian') >= 0.65 && loads === 0,
        figures: {
          loads,
          peersLoads,
          lruAwaitedPerSecond: awaited,
          ...Object.fromEntries(all.map((name) => [name, ratio(name)])),
        },
      },
      {
        name: 'peek',
        value: `${peek.toFixed(2)} × lru-cache get at ${millions(speed.get('lru get') ?? 0)}`,
        target: '≥ 0.50 ×, all seen',
        met: peek >= 0.5 && unseen === 0,
        figures: { peek, unseen, lruPerSecond: speed.get('lru get') },
      },
    ];
  } finally {
    await cache.close();
    await Promise.all(rivals.map((rival) => rival.cache.close()));
  }
}

/**
 * Repeats a pass over all keys. Between passes timers and sockets get their turn, as they do in a
 * service: a cache that listens for invalidations could not hear them otherwise.
 */
function turns(pass: () => unknown): Contender {
  return async (ms) => {
    const start = performance.now();
    let operations = 0;
    while (performance.now() - start < ms) {
      for (let time = 0; time < 10; time++) await pass();
      operations += 10 * keys.length;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return { operations, seconds: (performance.now() - start) / 1_000, latencies: [] };
  };
}

function millions(perSecond: number): string {
  return `${(perSecond / 1e6).toFixed(1)} M/s`;
}
