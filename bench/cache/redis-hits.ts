import { type Contender, closedLoop, compare } from '../measure.ts';
import type { Result } from '../result.ts';
import { meridian } from './meridian.ts';
import { openIoredis, peers } from './peers.ts';
import { type OpenCache, openReady, rowOf } from './rival.ts';

const keys = Array.from({ length: 1_024 }, (_, index) => `redis-${index}`);
const concurrency = 64;

/** Hits in Redis, nothing in process memory, against GET of ioredis with autopipelining. */
export async function redisHits(redis: string): Promise<Result> {
  const raw = openIoredis(redis);
  let loads = 0;
  const load = async (key: string) => {
    loads++;
    return rowOf(key);
  };
  const setup = { namespace: 'bench-redis', redis, memory: false } as const;
  const rivals: { name: string; cache: OpenCache }[] = [];
  for (const rival of [meridian, ...peers]) {
    const named = { ...setup, namespace: `${setup.namespace}-${rival.name}` };
    rivals.push({ name: rival.name, cache: await openReady(rival, named, load) });
  }
  let turn = 0;
  const next = () => {
    turn = (turn + 7) % keys.length;
    return keys[turn] ?? '';
  };
  try {
    for (const key of keys) await raw.set(key, JSON.stringify(rowOf(key)));
    // Twice, because a cache may store aside what it loaded.
    for (const key of [...keys, ...keys]) for (const { cache } of rivals) await cache.get(key);
    loads = 0;
    const contenders: Record<string, Contender> = {
      raw: closedLoop(concurrency, () => raw.get(next())),
    };
    for (const { name, cache } of rivals) {
      contenders[name] = closedLoop(concurrency, () => cache.get(next()));
    }
    const measured = await compare(contenders, { rounds: 9, ms: 250 });
    const speed = new Map(measured.map(({ name, perSecond }) => [name, perSecond]));
    const rawPerSecond = speed.get('raw') ?? Number.NaN;
    const ratio = (name: string) => (speed.get(name) ?? 0) / rawPerSecond;
    const others = peers.map(({ name }) => `${name} ${ratio(name).toFixed(2)}`).join(', ');
    return {
      name: `Redis hit, concurrency ${concurrency}`,
      value: `${ratio('meridian').toFixed(2)} × ioredis GET, autopipelined, at ${Math.round(rawPerSecond)}/s  (${others})`,
      target: '≥ 1.60 ×, no load',
      met: ratio('meridian') >= 1.6 && loads === 0,
      figures: {
        loads,
        rawPerSecond,
        ...Object.fromEntries(rivals.map(({ name }) => [name, ratio(name)])),
      },
    };
  } finally {
    raw.disconnect();
    await Promise.all(rivals.map(({ cache }) => cache.close()));
  }
}
