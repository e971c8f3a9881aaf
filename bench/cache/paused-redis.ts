import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalServer } from 'meridian/testing';
import { closedLoop, quantile } from '../measure.ts';
import type { Result } from '../result.ts';
import { meridian } from './meridian.ts';
import { peers } from './peers.ts';
import { type OpenCache, openReady, type Rival, rowOf } from './rival.ts';

const pauseMs = 3_000;
const loadMs = 5;
const loadConcurrency = 16;
const commandTimeoutMs = 100;
const burst = 200;
const patienceMs = 10_000;

interface Paused {
  readonly firstMs: number;
  readonly p99Ms: number;
  readonly mostLoads: number;
  readonly failed: number;
  readonly unanswered: number;
  /** After Redis runs again, until a get is answered from it. */
  readonly goodMs: number;
}

/** Redis is stopped with SIGSTOP: its connections stay open, and nothing answers. */
export async function pausedRedis(redis: LocalServer): Promise<Result[]> {
  const own = await throughPause(meridian, redis);
  const others: [string, Paused][] = [];
  for (const peer of peers) others.push([peer.name, await throughPause(peer, redis)]);
  const row = (
    name: string,
    figure: (paused: Paused) => number,
    target: string,
    most: number,
    unit = ' ms',
  ): Result => {
    const theirs = others.map(([peer, paused]) => `${peer} ${figure(paused).toFixed(0)}`);
    const value = figure(own);
    return {
      name: `Redis stopped for ${pauseMs / 1_000} s: ${name}`,
      value: `${value.toFixed(value < 100 ? 1 : 0)}${unit}  (${theirs.join(', ')})`,
      target,
      met: value <= most,
      figures: Object.fromEntries(
        [[meridian.name, own] as const, ...others].map(([peer, paused]) => [peer, figure(paused)]),
      ),
    };
  };
  const first = 1.5 * commandTimeoutMs;
  return [
    row('first get', ({ firstMs }) => firstMs, `≤ ${first} ms`, first),
    row(
      'p99 of the next',
      ({ p99Ms }) => p99Ms,
      `≤ ${loadMs + 10} ms (load ${loadMs})`,
      loadMs + 10,
    ),
    row(
      'most loads at a time',
      ({ mostLoads }) => mostLoads,
      `≤ ${loadConcurrency}`,
      loadConcurrency,
      '',
    ),
    row('gets without an answer', ({ unanswered, failed }) => unanswered + failed, '0', 0, ''),
    row('first answer of Redis after it', ({ goodMs }) => goodMs, '≤ 1,000 ms', 1_000),
  ];
}

async function throughPause(rival: Rival, redis: LocalServer): Promise<Paused> {
  const namespace = `bench-paused-${rival.name}`;
  const setup = { namespace, redis: redis.url, memory: false } as const;
  const keys = Array.from({ length: 8_192 }, (_, index) => `key-${index}`);
  await fill(await openReady(rival, setup, async (key) => rowOf(key)), keys);
  let turn = 0;
  const next = () => keys[turn++ % keys.length] ?? '';
  let begun = 0;
  let running = 0;
  let mostLoads = 0;
  const limited = { ...setup, commandTimeoutMs, loadConcurrency };
  const cache = await openReady(rival, limited, async (key) => {
    begun++;
    running++;
    mostLoads = Math.max(mostLoads, running);
    await sleep(loadMs);
    running--;
    return rowOf(key);
  });
  let failed = 0;
  let waiting = 0;
  const get = async () => {
    waiting++;
    try {
      await cache.get(next());
    } catch {
      failed++;
    } finally {
      waiting--;
    }
  };
  try {
    begun = 0;
    for (let time = 0; time < 10; time++) await get();
    if (begun > 0) throw new Error(`${rival.name} had to load what Redis has`);
    mostLoads = 0;
    await redis.pause();
    const pausedAt = performance.now();
    const until = (ms: number) => sleep(Math.max(0, pausedAt + ms - performance.now()));
    const all: Promise<unknown>[] = [];
    let latencies: readonly number[] = [];
    let firstMs = Number.NaN;
    const first = get().then(() => {
      firstMs = performance.now() - pausedAt;
    });
    all.push(first);
    await Promise.race([first, until(pauseMs / 2)]);
    const loopMs = Math.max(0, pauseMs - 700 - (performance.now() - pausedAt));
    all.push(
      closedLoop(
        4,
        get,
      )(loopMs).then((sample) => {
        latencies = sample.latencies;
      }),
    );
    await until(pauseMs - 500);
    all.push(...Array.from({ length: burst }, get));
    await until(pauseMs);
    await redis.resume();
    const goodMs = await untilGood(get, () => begun);
    await Promise.race([Promise.all(all), sleep(patienceMs)]);
    return {
      firstMs,
      p99Ms: quantile(latencies, 0.99) ?? Number.NaN,
      mostLoads,
      failed,
      unanswered: waiting,
      goodMs,
    };
  } finally {
    await redis.resume();
    await cache.close();
  }
}

/** Milliseconds until a get needs no load. */
async function untilGood(get: () => Promise<void>, loads: () => number): Promise<number> {
  const start = performance.now();
  while (performance.now() - start < patienceMs) {
    const before = loads();
    await get();
    if (loads() === before) break;
    await sleep(10);
  }
  return performance.now() - start;
}

async function fill(cache: OpenCache, keys: readonly string[]): Promise<void> {
  for (let first = 0; first < keys.length; first += 256) {
    await Promise.all(keys.slice(first, first + 256).map((key) => cache.get(key)));
  }
  await cache.close();
}
