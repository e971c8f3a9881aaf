import { type LocalCluster, startLocalCluster, startLocalRedis } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountOf } from './model/account.ts';
import { experiment } from './run/experiment.ts';
import { oneRedis } from './run/one-redis.ts';
import type { RedisUnderTest } from './run/redis-under-test.ts';
import { replicatedRedis } from './run/replicated-redis.ts';
import { summaryOf, violationsOf } from './run/summary.ts';
import { controls, honest } from './worker/cache-plans.ts';

const seed = Number(process.env.MERIDIAN_SEED ?? Math.floor(Math.random() * 2 ** 32));

const mostRounds = 3;

interface Kind {
  readonly name: string;
  /** Milliseconds of faults in a run of all tests. */
  readonly shortMs: number;
  start(cluster: LocalCluster<'source'>): Promise<Started>;
}

interface Started {
  readonly redis: RedisUnderTest;
  stop(): Promise<void>;
}

const kinds: readonly Kind[] = [
  {
    name: 'one Redis',
    shortMs: 12_000,
    start: async (cluster) => ({ redis: oneRedis(cluster.redis), stop: async () => {} }),
  },
  {
    name: 'Redis with Sentinels',
    shortMs: 10_000,
    async start() {
      const redis = await startLocalRedis({ kind: 'sentinel' });
      return { redis: replicatedRedis(redis), stop: redis.stop };
    },
  },
  {
    name: 'a Redis Cluster',
    shortMs: 10_000,
    async start() {
      const redis = await startLocalRedis({ kind: 'cluster', replicas: 1 });
      return { redis: replicatedRedis(redis), stop: redis.stop };
    },
  },
];

const givenMs = process.env.MERIDIAN_HISTORY_MS;

let cluster: LocalCluster<'source'>;

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: ['source'] });
});

afterAll(() => cluster.stop());

for (const { name, shortMs, start } of kinds) {
  const durationMs = givenMs === undefined ? shortMs : Number(givenMs) / kinds.length;
  it(
    `no process reads through ${name} what is older than the contract allows, whatever breaks`,
    async () => {
      const { redis, stop } = await start(cluster);
      try {
        await holdsOn(redis, name, durationMs);
      } finally {
        await stop();
      }
    },
    mostRounds * durationMs + 90_000,
  );
}

async function holdsOn(redis: RedisUnderTest, name: string, durationMs: number): Promise<void> {
  const { source } = cluster.shards;
  const caches = [...honest, ...controls];
  const caught = new Set<string>();
  // What happens at the same time is left to the machine: a busy one may spare a control.
  for (let round = 0; round < mostRounds && caught.size < controls.length; round++) {
    const outcome = await experiment({ seed: seed + round, durationMs, source, redis, caches });
    console.log(`${name}, MERIDIAN_SEED=${seed + round}: ${summaryOf(outcome)}`);
    const accounts = honest
      .flatMap((cache) => violationsOf(outcome, cache.name))
      .slice(0, 3)
      .map((one) => accountOf(one, outcome.history, outcome.incidents));
    expect(accounts.join('\n\n')).toBe('');
    expect(outcome.failures).toEqual([]);
    for (const control of controls) {
      if (violationsOf(outcome, control.name).length > 0) caught.add(control.name);
    }
  }
  expect([...caught].sort()).toEqual(controls.map((control) => control.name).sort());
}
