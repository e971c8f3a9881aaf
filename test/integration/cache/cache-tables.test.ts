import { type CachePolicy, defineTable } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { coarseNow } from '../../../src/cache/memory/coarse-clock.ts';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';

/** What a cached table's rows may be, when another process writes them. */

const schema = z.object({ id: z.uuid(), n: z.int(), word: z.string(), big: z.bigint().nullable() });
const counters = (cache: CachePolicy<keyof z.output<typeof schema>>) => ({
  counters: defineTable({ name: 'counters', keyspace: 'ledger', primaryKey: 'id', schema, cache }),
});
type Counters = Opened<ReturnType<typeof counters>>;

const ttlMs = 60_000;
let cluster: TestCluster;
let writer: Counters;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE counters (id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
        n INT NOT NULL, word VARCHAR(20) NOT NULL, big BIGINT NULL)`,
    );
  }
  writer = await cluster.openWith(counters({ ttlMs }));
});

afterAll(() => cluster.stop());

const insert = ({ data }: Counters) => data.counters.insert({ n: 0, word: '', big: null });

/** Lets readers run until the work is done; the first failure ends all. */
async function whileReading(read: () => Promise<void>, work: () => Promise<void>): Promise<void> {
  let isOver = false;
  const readers = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      await read();
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  const working = work().finally(() => {
    isOver = true;
  });
  await Promise.all([working, ...readers]);
}

it('without memory no read is behind what another process had acknowledged', async () => {
  // Who has a version and who has none may not share a table.
  await cluster.forgetFacts();
  const one = await cluster.openWith(counters({ ttlMs, memory: false, version: 'n' }));
  const other = await cluster.openWith(counters({ ttlMs, memory: false, version: 'n' }));
  const { id } = await insert(one);
  let acknowledged = 0;
  const read = async () => {
    const least = acknowledged;
    const [row, [again]] = await Promise.all([
      other.data.counters.get(id),
      other.data.counters.getMany([id]),
    ]);
    expect(row?.n).toBeGreaterThanOrEqual(least);
    expect(again?.n).toBeGreaterThanOrEqual(least);
  };
  await whileReading(read, async () => {
    for (let n = 1; n <= 200; n++) {
      expect(await one.data.counters.update(id, { n })).toMatchObject({ invalidation: 'done' });
      acknowledged = n;
    }
  });
  // While nobody writes, what the first read stores the second one finds.
  await read();
  await read();
  const results = other.events.flatMap((event) => (event.type === 'cache' ? [event.result] : []));
  expect(results).toContain('redis');
  expect(results).not.toContain('memory');
  await cluster.forgetFacts();
});

it('with memory no read is behind what was acknowledged maxGapMs before, whatever is heard', async () => {
  const maxGapMs = 150;
  const { proxy, url } = await cluster.proxy('redis');
  const deaf = await cluster.openWith(counters({ ttlMs }), {
    redis: url,
    cache: { maxGapMs, commandTimeoutMs: 50 },
  });
  const { id } = await insert(writer);
  const acknowledged = [{ n: 0, atMs: 0 }];
  const read = async () => {
    // The contract's clock: a busy machine may stop a process between two looks at it.
    const fromMs = coarseNow() - maxGapMs;
    const row = await deaf.data.counters.get(id);
    const least = acknowledged.findLast(({ atMs }) => atMs <= fromMs)?.n ?? 0;
    expect(row?.n).toBeGreaterThanOrEqual(least);
  };
  const write = async () => {
    const n = acknowledged.length;
    expect(await writer.data.counters.update(id, { n })).toMatchObject({ invalidation: 'done' });
    acknowledged.push({ n, atMs: performance.now() });
  };
  const writeUntil = (state: 'up' | 'down') =>
    eventually(
      async () => {
        await write();
        const link = deaf.events.findLast(({ type }) => type === 'cache-link');
        expect(link).toMatchObject({ state });
      },
      { timeout: 10_000, interval: 5 },
    );
  await whileReading(read, async () => {
    for (let turn = 0; turn < 40; turn++) await write();
    for (let round = 0; round < 2; round++) {
      const deafness = proxy.blackHole();
      // Until it has noticed, and for a while after, there are writes that it does not hear of.
      await writeUntil('down');
      for (let turn = 0; turn < 40; turn++) await write();
      deafness.undo();
      await writeUntil('up');
    }
  });
  const last = acknowledged.length - 1;
  await eventually(async () => expect((await deaf.data.counters.get(id))?.n).toBe(last));
});

it('the token of a write is a read of the primary where it wrote, and nothing elsewhere', async () => {
  const { proxy, url } = await cluster.proxy('redis');
  // It hears nothing, and will not notice within this test.
  const deaf = await cluster.openWith(counters({ ttlMs }), {
    redis: url,
    cache: { maxGapMs: 60_000 },
  });
  const shardOf = (id: string) => deaf.data.counters.explain(id).shard;
  const here = await insert(writer);
  let there = await insert(writer);
  while (shardOf(there.id) === shardOf(here.id)) there = await insert(writer);
  const ids = [here.id, there.id];
  const old = await deaf.data.counters.getMany(ids);
  proxy.blackHole();
  const { token } = await writer.data.counters.update(here.id, { n: 1 });
  const other = await writer.data.counters.update(there.id, { n: 1 });
  expect(await deaf.data.counters.getMany(ids)).toEqual(old);
  expect(await deaf.data.counters.get(here.id, { token: other.token })).toEqual(old[0]);
  expect(await deaf.data.counters.get(here.id, { token })).toMatchObject({ n: 1 });
  const rows = await deaf.data.counters.getMany(ids, { token });
  expect(rows).toEqual([{ ...here, n: 1 }, old[1]]);
  proxy.heal();
});

it.each(['', 'no-token', '=', '=0-1-2', 42])(
  'a token that is none, %j, is refused',
  async (bad) => {
    const { id } = await insert(writer);
    await writer.data.counters.get(id);
    const options = JSON.parse(JSON.stringify({ token: bad }));
    const reads = [
      writer.data.counters.get(id, options),
      writer.data.counters.getMany([id], options),
      writer.data.counters.getMany([], options),
    ];
    for (const read of reads) {
      expect(await failureOf(read)).toMatchObject({ code: 'MERIDIAN_ROUTING' });
    }
  },
);

it('a row can be asked for as the primary has it, or as young as one likes', async () => {
  const { id } = await insert(writer);
  const change = (n: number) =>
    cluster.sql(shard(id), 'UPDATE counters SET n = ? WHERE id = ?', [n, id]);
  await writer.data.counters.get(id);
  // Past Meridian, so that nobody is told.
  await change(1);
  const { counters: rows } = writer.data;
  expect(await rows.get(id)).toMatchObject({ n: 0 });
  expect(await rows.get(id, { maxAgeMs: 60_000 })).toMatchObject({ n: 0 });
  expect(await rows.get(id, { consistency: 'primary' })).toMatchObject({ n: 1 });
  expect(await rows.getMany([id], { consistency: 'primary' })).toMatchObject([{ n: 1 }]);
  expect(await rows.get(id)).toMatchObject({ n: 0 });
  await eventually(async () => expect(await rows.get(id, { maxAgeMs: 1 })).toMatchObject({ n: 1 }));
  expect(await rows.get(id)).toMatchObject({ n: 1 });
  await change(2);
  await eventually(async () =>
    expect(await rows.getMany([id], { maxAgeMs: 1 })).toMatchObject([{ n: 2 }]),
  );
});

it.each(['-1', 'NaN', '"5"'])('an age of %s is refused', async (bad) => {
  const { id } = await insert(writer);
  await writer.data.counters.get(id);
  const options = { maxAgeMs: bad === 'NaN' ? Number.NaN : JSON.parse(bad) };
  for (const read of [
    writer.data.counters.get(id, options),
    writer.data.counters.getMany([id], options),
  ]) {
    expect(await failureOf(read)).toMatchObject({ code: 'MERIDIAN_CONFIG' });
  }
});

function shard(id: string): 'tx-1' | 'tx-2' {
  return writer.data.counters.explain(id).shard === 'tx-1' ? 'tx-1' : 'tx-2';
}

it.each([
  ['version', { ttlMs, version: 'm' }],
  ['version', { ttlMs, version: 'word' }],
  ['version', { ttlMs, version: 'big' }],
  ['memory', { ttlMs, memory: 'no' }],
  ['jitter', { ttlMs, jitter: 2 }],
  ['ttlMs', {}],
  ['staleMs', { ttlMs, staleMs: -1 }],
  ['shadowRate', { ttlMs, shadowRate: 1.1 }],
  ['maxEntries', { ttlMs, maxEntries: 0 }],
  ['memoryTtlMs', { ttlMs, memoryTtlMs: 5 }],
])('a policy with a bad %s is refused: %j', async (name, policy) => {
  const own = counters(JSON.parse(JSON.stringify(policy)));
  const error = await failureOf(cluster.openWith(own));
  expect(error).toMatchObject({
    code: 'MERIDIAN_CONFIG',
    problems: [{ path: `tables.counters.cache.${name}` }],
  });
});
