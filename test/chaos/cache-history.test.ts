import { type LocalCluster, startLocalCluster } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountOf } from './model/account.ts';
import { experiment, type Outcome } from './run/experiment.ts';
import { oneRedis } from './run/one-redis.ts';
import { type CachePlan, honest } from './worker/cache-plans.ts';

const durationMs = Number(process.env.MERIDIAN_HISTORY_MS ?? 12_000);
const seed = Number(process.env.MERIDIAN_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** The same caches, each with one fence taken out: without them the others' success says nothing. */
const controls: readonly CachePlan[] = [
  // Who hears of an invalidation does not store what was loaded before: a second fence.
  { name: 'no-fence', memory: false, without: ['fence', 'messages'] },
  { name: 'no-messages', memory: true, without: ['messages'] },
  { name: 'no-stamp', memory: false, without: ['stamp'] },
];

let cluster: LocalCluster<'source'>;

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: ['source'] });
});

afterAll(() => cluster.stop());

it(
  'no process reads what is older than the contract allows, whatever breaks',
  async () => {
    const caches = [...honest, ...controls];
    const redis = oneRedis(cluster.redis);
    const outcome = await experiment({
      seed,
      durationMs,
      source: cluster.shards.source,
      redis,
      caches,
    });
    console.log(summaryOf(outcome));
    const broken = outcome.violations.filter(({ read }) =>
      honest.some(({ name }) => name === read.cache),
    );
    const accounts = broken
      .slice(0, 3)
      .map((one) => accountOf(one, outcome.history, outcome.incidents));
    expect(accounts.join('\n\n')).toBe('');
    expect(outcome.failures).toEqual([]);
    for (const { name } of controls) expect(violationsOf(outcome, name)).toBeGreaterThan(0);
  },
  durationMs + 60_000,
);

function violationsOf({ violations }: Outcome, cache: string): number {
  return violations.filter(({ read }) => read.cache === cache).length;
}

function summaryOf(outcome: Outcome): string {
  const { operations, incidents, tallies, failures } = outcome;
  const begin = incidents[0]?.at ?? 0;
  return [
    `MERIDIAN_SEED=${seed}: ${operations} operations, ${failures.length} failures`,
    ...incidents.map(({ at, text }) => `  ${((at - begin) / 1_000_000).toFixed(2)} s  ${text}`),
    ...[...tallies].map(
      ([name, tally]) =>
        `${name}: ${violationsOf(outcome, name)} violations; ${JSON.stringify(tally)}`,
    ),
  ].join('\n');
}
