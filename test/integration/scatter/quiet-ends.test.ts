import type { DataLayer } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, type ShardName, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import type { tables } from '../../support/tables.ts';

const shards = ['tx-1', 'tx-2'] as const;
const sql = 'SELECT id, cents FROM transactions ORDER BY cents LIMIT 20';
const merge = { orderBy: [['cents', 'asc']], limit: 20 } as const;
let cluster: TestCluster;
let data: DataLayer<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data } = await cluster.open());
  await data.transactions.insertMany(
    Array.from({ length: 400 }, (_, index) => ({
      account_id: `account-${index}`,
      cents: BigInt(index),
    })),
  );
});

afterAll(() => cluster.stop());

async function statusOf(shard: ShardName, name: string): Promise<number> {
  const [row] = await cluster.sql(shard, `SHOW GLOBAL STATUS LIKE '${name}'`);
  return Number(row?.Value);
}

/** How many KILLs the shards were given while `work` ran, and how many connections of Meridian's are new. */
async function leftBehind(work: () => Promise<unknown>) {
  const connected = async () =>
    (await cluster.sql('tx-1', 'SHOW PROCESSLIST')).map(({ Id }) => Number(Id));
  const kills = () => Promise.all(shards.map((shard) => statusOf(shard, 'Com_kill')));
  const [before, known] = [await kills(), new Set(await connected())];
  await work();
  // What is killed is killed by a connection of its own, which may still be on its way.
  await data.transactions.everywhere.each('SELECT 1 AS one FROM transactions LIMIT 1');
  const after = await kills();
  return {
    kills: after.reduce((sum, count, at) => sum + count - (before[at] ?? 0), 0),
    isOld: (await connected()).some((id) => known.has(id)),
  };
}

const firstTwenty = Array.from({ length: 20 }, (_, at) => BigInt(at));

it('a limited query ends nothing by force', async () => {
  const left = await leftBehind(async () => {
    for (let round = 0; round < 30; round++) {
      const rows = await data.transactions.everywhere.query(sql, [], { merge });
      expect(rows.map(({ cents }) => BigInt(String(cents)))).toEqual(firstTwenty);
    }
  });
  expect(left).toEqual({ kills: 0, isOld: true });
});

it('nor does a limited stream, or one that is left when little is left of it', async () => {
  const left = await leftBehind(async () => {
    for (let round = 0; round < 10; round++) {
      const taken: unknown[] = [];
      for await (const row of data.transactions.everywhere.stream(sql, [], { merge }))
        taken.push(row);
      expect(taken).toHaveLength(20);
      for await (const row of data.transactions.everywhere.stream('SELECT id FROM transactions')) {
        expect(row).toBeDefined();
        break;
      }
      for await (const row of data.transactions
        .at('account-1')
        .stream('SELECT id FROM transactions')) {
        expect(row).toBeDefined();
        break;
      }
    }
  });
  expect(left).toEqual({ kills: 0, isOld: true });
});

it('a limited stream whose reader does something between rows ends nothing by force', async () => {
  const left = await leftBehind(async () => {
    for (let round = 0; round < 5; round++) {
      for await (const row of data.transactions.everywhere.stream(sql, [], { merge })) {
        expect(row).toBeDefined();
        await cluster.sql('tx-1', 'SELECT 1');
      }
    }
  });
  expect(left).toEqual({ kills: 0, isOld: true });
});

it('a stream of which much is left is killed', async () => {
  const before = await statusOf('tx-1', 'Com_kill');
  const many =
    'SELECT a.id FROM transactions a JOIN transactions b JOIN transactions c ON TRUE WHERE a.account_id = ?';
  for await (const row of data.transactions.at(await onTx1()).stream(many, [await onTx1()])) {
    expect(row).toBeDefined();
    break;
  }
  await eventually(async () => expect(await statusOf('tx-1', 'Com_kill')).toBeGreaterThan(before));
});

it('a stream whose rest comes slowly is killed too, and its connection is nobody’s', async () => {
  const key = await onTx1();
  // Rows that are large leave the server one by one.
  const slow =
    "SELECT id, REPEAT('x', 16000) AS filling, SLEEP(0.2) AS slept FROM transactions LIMIT 100";
  for await (const row of data.transactions.at(key).stream(slow)) {
    expect(row).toBeDefined();
    break;
  }
  expect(await data.transactions.at(key).query("SELECT 'one' AS one")).toEqual([{ one: 'one' }]);
  await eventually(async () => expect(await cluster.running('tx-1', '%SLEEP(%')).toBe(0));
});

it('too many rows are refused before all of them are there', async () => {
  const error = await failureOf(
    data.transactions.everywhere.query('SELECT id FROM transactions', [], { maxRows: 150 }),
  );
  expect(error).toMatchObject({ code: 'MERIDIAN_MERGE', message: expect.stringContaining('150') });
  const parts = data.transactions.everywhere.each('SELECT id FROM transactions', [], {
    maxRows: 150,
  });
  expect(await failureOf(parts)).toMatchObject({ code: 'MERIDIAN_MERGE' });
  expect(await data.transactions.everywhere.query(sql, [], { merge, maxRows: 20 })).toHaveLength(
    20,
  );
  expect(
    await failureOf(data.transactions.everywhere.query(sql, [], { merge, maxRows: 19 })),
  ).toMatchObject({ code: 'MERIDIAN_MERGE' });
});

async function onTx1(): Promise<string> {
  for (let at = 0; ; at++)
    if (data.transactions.explain(`account-${at}`).shard === 'tx-1') return `account-${at}`;
}
