import { type DataLayer, defineTable, PartialWriteError, type ShardResult } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, type ShardName, shardNames, TestCluster } from '../../support/cluster.ts';

const currencies = defineTable({
  name: 'currencies',
  reference: true,
  primaryKey: 'code',
  schema: z.object({ code: z.string(), name: z.string() }),
  cache: { ttlMs: 60_000 },
});

let cluster: TestCluster;
let data: DataLayer<{ currencies: typeof currencies }>;
const proxies = new Map<string, ChaosProxy>();
const first = 'eu-1';

beforeAll(async () => {
  cluster = await TestCluster.start();
  const urls: Partial<Record<ShardName, string>> = {};
  for (const shard of shardNames) {
    await cluster.sql(
      shard,
      'CREATE TABLE currencies (code CHAR(3) COLLATE utf8mb4_bin PRIMARY KEY, name VARCHAR(50) NOT NULL)',
    );
    const { proxy, url } = await cluster.proxy(shard);
    proxies.set(shard, proxy);
    urls[shard] = url;
  }
  ({ data } = await cluster.openWith(
    { currencies },
    {
      topology: cluster.topology(urls),
      retry: { baseMs: 1, maxMs: 5 },
      breaker: { failures: 1_000 },
    },
  ));
});

afterAll(() => cluster.stop());

beforeEach(async () => {
  await data.currencies.put(old);
});

afterEach(() => {
  for (const proxy of proxies.values()) proxy.heal();
});

const old = { code: 'EUR', name: 'Ecu' };
const row = { code: 'EUR', name: 'Euro' };

function takeDown(...shards: string[]): void {
  for (const shard of shards) {
    proxies.get(shard)?.refuse();
    proxies.get(shard)?.reset();
  }
}

async function stored(): Promise<Record<string, unknown>> {
  const names = await Promise.all(
    shardNames.map(async (shard) => {
      const [found] = await cluster.sql(shard, "SELECT name FROM currencies WHERE code = 'EUR'");
      return [shard, found?.name] as const;
    }),
  );
  return Object.fromEntries(names);
}

const everyShard = (name: string) => Object.fromEntries(shardNames.map((shard) => [shard, name]));
const outcomes = (results: readonly ShardResult[]) =>
  Object.fromEntries(results.map(({ shard, outcome }) => [shard, outcome]));

it('a shard that is down leaves a partial write, which the same call cures', async () => {
  takeDown('tx-2');
  const error = await failureOf(data.currencies.put(row));
  if (!(error instanceof PartialWriteError)) throw error;
  expect(error).toMatchObject({ retryable: true, outcome: 'applied' });
  expect(error.message).toContain('repeat');
  expect(outcomes(error.results)).toEqual({
    'eu-1': 'applied',
    'us-1': 'applied',
    'tx-1': 'applied',
    'tx-2': 'not-applied',
  });
  expect(error.results.find(({ shard }) => shard === 'tx-2')?.error?.code).toBe(
    'MERIDIAN_UNAVAILABLE',
  );
  expect(await stored()).toEqual({ ...everyShard('Euro'), 'tx-2': 'Ecu' });
  proxies.get('tx-2')?.heal();
  await data.currencies.put(row);
  expect(await stored()).toEqual(everyShard('Euro'));
});

it('a partial delete is cured the same way', async () => {
  takeDown('us-1');
  expect(await failureOf(data.currencies.delete('EUR'))).toBeInstanceOf(PartialWriteError);
  proxies.get('us-1')?.heal();
  const { results } = await data.currencies.delete('EUR');
  expect(results.map(({ shard, rows }) => [shard, rows])).toContainEqual(['us-1', 1]);
  expect(await stored()).toEqual({});
});

it('nothing is written when the first shard can not be had', async () => {
  takeDown(first);
  expect(await failureOf(data.currencies.put(row))).toMatchObject({
    outcome: 'not-applied',
    retryable: true,
  });
  proxies.get(first)?.heal();
  expect(await stored()).toEqual(everyShard('Ecu'));
});

it('nothing is written when none of the others can be had', async () => {
  takeDown('us-1', 'tx-1', 'tx-2');
  expect(await failureOf(data.currencies.put(row))).toMatchObject({
    code: 'MERIDIAN_UNAVAILABLE',
    outcome: 'not-applied',
  });
  expect(await stored()).toEqual(everyShard('Ecu'));
});

it.each([first, 'tx-1'])('a lost reply to the COMMIT on %s is unknown there', async (shard) => {
  expect(await data.currencies.get('EUR')).toEqual(old);
  const dropped = proxies.get(shard)?.dropNextCommitReply();
  const error = await failureOf(data.currencies.put(row));
  await dropped?.happened;
  if (!(error instanceof PartialWriteError)) throw error;
  expect(error).toMatchObject({ outcome: 'unknown', retryable: true });
  expect(outcomes(error.results)).toEqual({ ...everyShard('applied'), [shard]: 'unknown' });
  expect(await stored()).toEqual(everyShard('Euro'));
  // The cache has forgotten the row that was replaced.
  expect(await data.currencies.get('EUR')).toEqual(row);
});

it('a connection lost before the COMMIT on the first shard is told as it is', async () => {
  proxies.get('tx-2')?.latency(100);
  const dropped = proxies.get('us-1')?.dropNextCommitReply();
  const write = failureOf(data.currencies.put(row));
  // Another shard has committed by then, and one has not yet: the first one waits for it.
  await dropped?.happened;
  proxies.get(first)?.reset();
  const error = await write;
  if (!(error instanceof PartialWriteError)) throw error;
  expect(outcomes(error.results)).toEqual({
    'eu-1': 'not-applied',
    'us-1': 'unknown',
    'tx-1': 'applied',
    'tx-2': 'applied',
  });
  expect(await stored()).toEqual({ ...everyShard('Euro'), 'eu-1': 'Ecu' });
});

it('a transaction that another shard rolled back is run again there', async () => {
  const dropped = proxies.get('tx-1')?.dropReplyTo(/^update/i);
  const { results } = await data.currencies.put(row);
  await dropped?.happened;
  expect(outcomes(results)).toEqual(everyShard('applied'));
  expect(await stored()).toEqual(everyShard('Euro'));
});

it('a shard that hangs costs the call its time, and is told as it is', async () => {
  const hang = proxies.get('tx-2')?.blackHole();
  const error = await failureOf(data.currencies.put(row, { timeoutMs: 500 }));
  hang?.undo();
  if (!(error instanceof PartialWriteError)) throw error;
  expect(outcomes(error.results)).toMatchObject({ 'us-1': 'applied', 'tx-1': 'applied' });
  const now = await stored();
  for (const { shard, outcome } of error.results) {
    if (outcome !== 'unknown') expect(now[shard]).toBe(outcome === 'applied' ? 'Euro' : 'Ecu');
  }
});

it('the next nearest shard answers when the nearest is down', async () => {
  const { shard, endpoints } = data.currencies.explain('EUR');
  takeDown(shard);
  const read = { consistency: 'primary' } as const;
  expect(await data.currencies.get('EUR', read)).toEqual(old);
  expect(await data.currencies.getMany(['EUR', 'USD'], read)).toEqual([old, null]);
  expect(await data.currencies.all()).toEqual([old]);
  const lone = endpoints.at(-1)?.name.split('/')[0];
  takeDown(...shardNames.filter((name) => name !== lone));
  expect(await data.currencies.all()).toEqual([old]);
  takeDown(...shardNames);
  expect(await failureOf(data.currencies.all())).toMatchObject({ code: 'MERIDIAN_UNAVAILABLE' });
});
