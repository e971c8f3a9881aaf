import { Redis } from 'ioredis';
import { type CachePolicy, ConfigError, defineTable } from 'meridian';
import mysql from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';

/** Tables with `cache.version`: replicas take the loads of rows that were not changed of late. */

const schema = z.object({ id: z.uuid(), n: z.int() });
/** Redis must be known for longer than marks of changes live. */
const policy = { ttlMs: 1_500, negativeTtlMs: 100, maxLagMs: 1_500, version: 'n' } as const;
const shared = { name: 'counters', keyspace: 'ledger', primaryKey: 'id' } as const;
const counters = (memory: boolean) => ({
  counters: defineTable({ ...shared, schema, cache: { ...policy, memory } }),
});
type Counters = Opened<ReturnType<typeof counters>>;

let cluster: TestCluster;
let redis: Redis;

beforeAll(async () => {
  cluster = await TestCluster.startOwn(1);
  redis = new Redis(cluster.redisUrl);
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE counters (id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
        n INT NOT NULL)`,
    );
  }
});

afterAll(async () => {
  redis.disconnect();
  await cluster.stop();
});

afterEach(() => replication('START'));

/** Runs SQL on the replica of tx-1, as its administrator. */
async function onReplica(sql: string): Promise<unknown> {
  const [replica] = cluster.cluster.shards['tx-1'].replicas;
  const connection = await mysql.createConnection(replica?.adminUrl ?? '');
  try {
    const [rows] = await connection.query(sql);
    return rows;
  } finally {
    await connection.end();
  }
}

const replication = (verb: 'START' | 'STOP') => onReplica(`${verb} REPLICA SQL_THREAD`);

/** The ids of rows on tx-1. */
async function insert({ data }: Counters, n: number, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const { id } = await data.counters.insert({ n });
    if (data.counters.explain(id).shard === 'tx-1') ids.push(id);
  }
  return ids;
}

/** Two rows, of which the replica has n = 1 from now on, and the primary of the first n = 100. */
async function lag(opened: Counters): Promise<readonly [told: string, row: string]> {
  const [told = '', row = ''] = await insert(opened, 1, 2);
  const copied = `SELECT COUNT(*) AS count FROM counters WHERE id IN ('${told}', '${row}')`;
  await eventually(async () => expect(await onReplica(copied)).toMatchObject([{ count: 2 }]));
  await replication('STOP');
  // Past Meridian, so that no mark says so: from now on the row tells who answered.
  await cluster.sql('tx-1', 'UPDATE counters SET n = 100 WHERE id = ?', [told]);
  return [told, row];
}

const untilReplicaAnswers = ({ data }: Counters, told: string) =>
  eventually(async () => expect(await data.counters.get(told)).toMatchObject({ n: 1 }), {
    timeout: 10_000,
  });

it('a row that was not changed of late is loaded from a replica, once Redis is known for so long', async () => {
  const opened = await cluster.openWith(counters(false));
  const [told] = await lag(opened);
  expect(await opened.data.counters.get(told)).toMatchObject({ n: 100 });
  await untilReplicaAnswers(opened, told);
  // To a process that has just come, Redis may be one that has lost its marks.
  const fresh = await cluster.openWith(counters(false));
  await redis.flushall();
  expect(await fresh.data.counters.getMany([told])).toMatchObject([{ n: 100 }]);
});

it('after a write the primary is asked, and a replica that lags brings no old row back', async () => {
  const opened = await cluster.openWith(counters(false));
  const other = await cluster.openWith(counters(false));
  const [told, id] = await lag(opened);
  await untilReplicaAnswers(opened, told);
  await untilReplicaAnswers(other, told);
  const writers = [opened.data.counters, other.data.counters] as const;
  for (let n = 2; n < 22; n++) {
    expect(await writers[n % 2]?.update(id, { n })).toMatchObject({ invalidation: 'done' });
    const rows = await Promise.all([
      ...writers.map((handle) => handle.get(id)),
      ...writers.map(async (handle) => (await handle.getMany([id]))[0]),
    ]);
    expect(rows.map((row) => row?.n)).toEqual([n, n, n, n]);
  }
});

it('while a write is made, no reader beside it keeps what the replica has', async () => {
  const opened = await cluster.openWith(counters(true));
  const [told, id] = await lag(opened);
  await untilReplicaAnswers(opened, told);
  for (let n = 2; n < 22; n++) {
    let isWritten = false;
    const writing = opened.data.counters.update(id, { n }).finally(() => {
      isWritten = true;
    });
    while (!isWritten) {
      await opened.data.counters.get(id);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
    expect(await opened.data.counters.get(id)).toMatchObject({ n });
  }
});

it('a row that the replica lacks is looked for on the primary', async () => {
  const opened = await cluster.openWith(counters(false));
  const [told] = await lag(opened);
  await untilReplicaAnswers(opened, told);
  const [first = '', ...ids] = await insert(opened, 5, 3);
  // Nothing says that rows changed of late whose ids nobody knew before.
  expect(await opened.data.counters.get(first)).toMatchObject({ n: 5 });
  const rows = await opened.data.counters.getMany([told, ...ids], { maxAgeMs: 0 });
  expect(rows.map((row) => row?.n)).toEqual([1, 5, 5]);
});

it('a deleted row does not come back from a replica that lags, once its absence is not cached any more', async () => {
  const opened = await cluster.openWith(counters(false));
  const other = await cluster.openWith(counters(false));
  const [told, id] = await lag(opened);
  await untilReplicaAnswers(opened, told);
  await untilReplicaAnswers(other, told);
  const deletedAtMs = performance.now();
  expect(await opened.data.counters.delete(id)).toMatchObject({
    affected: 1,
    invalidation: 'done',
  });
  const absences = new Set<number | undefined>();
  // Past the life of an absence, and short of the life of the mark.
  while (performance.now() - deletedAtMs < 10 * policy.negativeTtlMs) {
    for (const { data } of [opened, other]) {
      const row = await data.counters.get(id);
      if (performance.now() - deletedAtMs < policy.maxLagMs) absences.add(row?.n);
    }
  }
  expect([...absences]).toEqual([undefined]);
});

it('a row that was written is read anew from the primary, by services of another schema too', async () => {
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(shard, 'ALTER TABLE counters ADD COLUMN note VARCHAR(20)');
  }
  const wide = schema.extend({ note: z.string().nullable() });
  const opened = await cluster.openWith(counters(false));
  const other = await cluster.openWith({
    counters: defineTable({ ...shared, schema: wide, cache: { ...policy, memory: false } }),
  });
  const [told, id] = await lag(opened);
  await untilReplicaAnswers(opened, told);
  await eventually(async () => expect(await other.data.counters.get(told)).toMatchObject({ n: 1 }));
  await opened.data.counters.update(id, { n: 50 });
  expect(await opened.data.counters.get(id)).toMatchObject({ n: 50 });
  expect(await other.data.counters.get(id)).toMatchObject({ n: 50 });
  expect(await opened.data.counters.get(id, { maxAgeMs: 0 })).toMatchObject({ n: 50 });
});

it('a Redis that was emptied after a write brings no old row back', async () => {
  const opened = await cluster.openWith(counters(false));
  const other = await cluster.openWith(counters(true));
  const [told, id] = await lag(opened);
  await untilReplicaAnswers(opened, told);
  await untilReplicaAnswers(other, told);
  await opened.data.counters.update(id, { n: 50 });
  await redis.flushall();
  expect(await opened.data.counters.get(id)).toMatchObject({ n: 50 });
  expect(await other.data.counters.get(id)).toMatchObject({ n: 50 });
});

it.each([
  ['no version', { ttlMs: 1_500 }],
  ['another time for which changes are remembered', { ...policy, maxLagMs: 100 }],
])(
  'a service with %s is refused: its writes would not be told to who reads replicas',
  async (_, given) => {
    await cluster.openWith(counters(false));
    const sharing = (cache: CachePolicy<'n'>) =>
      cluster.openWith({ counters: defineTable({ ...shared, schema, cache }) });
    const error = await failureOf(sharing(given));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ message: expect.stringContaining('version n lag 1500') });
    await sharing({ ...policy, ttlMs: 9_000 });
  },
);
