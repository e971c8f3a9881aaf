import { type DataLayer, MergeError, RoutingError } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { numbers } from '../../support/tables/numbers.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let data: DataLayer<typeof tables>;
const cents = Array.from({ length: 200 }, (_, index) => BigInt(index * index) - 5_000n);

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data } = await cluster.open());
  await data.transactions.insertMany(
    cents.map((value, index) => ({ account_id: `Åccount-${index}`, cents: value })),
  );
});

afterAll(() => cluster.stop());

const everywhere = () => data.transactions.everywhere;
const schema = z.object({ cents: z.bigint() });

it('sorts the rows of all shards into one order', async () => {
  for (const direction of ['asc', 'desc'] as const) {
    const rows = await everywhere().query(
      `SELECT cents FROM transactions ORDER BY cents ${direction}`,
      [],
      { schema, merge: { orderBy: [['cents', direction]] } },
    );
    const sorted = [...cents].sort((a, b) => (a < b ? -1 : 1));
    if (direction === 'desc') sorted.reverse();
    expect(rows.map((row) => row.cents)).toEqual(sorted);
  }
});

it('takes the first rows of the whole, and ends what still runs', async () => {
  const rows = await everywhere().query(
    'SELECT cents, SLEEP(0) FROM transactions ORDER BY cents LIMIT 3',
    [],
    { merge: { orderBy: [['cents', 'asc']], limit: 3 } },
  );
  expect(rows.map((row) => row.cents)).toEqual(['-5000', '-4999', '-4996']);
  expect(
    await everywhere().query('SELECT id FROM transactions', [], { merge: { limit: 0 } }),
  ).toEqual([]);
  const first = await everywhere().query(`SELECT seq FROM transactions, ${numbers(6)}`, [], {
    merge: { limit: 1 },
  });
  expect(first).toHaveLength(1);
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await eventually(async () => expect(await cluster.running(shard, '%AS numbers%')).toBe(0));
  }
});

it('refuses an order that the statement does not have', async () => {
  const merge = { orderBy: [['cents', 'asc']] } as const;
  const unsorted = everywhere().query('SELECT cents FROM transactions ORDER BY cents DESC', [], {
    merge,
  });
  expect(await failureOf(unsorted)).toBeInstanceOf(MergeError);
  const absent = everywhere().query('SELECT id FROM transactions', [], { merge });
  expect(await failureOf(absent)).toBeInstanceOf(MergeError);
});

it('S1: sorts text as its collation does, and as one that is named', async () => {
  const merge = { orderBy: [['account_id', 'asc']] } as const;
  const collated = await everywhere().query(
    'SELECT account_id FROM transactions ORDER BY account_id',
    [],
    { merge },
  );
  // Both orders agree on these.
  expect(collated).toEqual(
    cents
      .map((_, index) => ({ account_id: `Åccount-${index}` }))
      .sort((a, b) => (a.account_id < b.account_id ? -1 : 1)),
  );
  const rows = await everywhere().query(
    'SELECT account_id COLLATE utf8mb4_bin AS account FROM transactions ORDER BY account',
    [],
    { merge: { orderBy: [['account', 'asc']] } },
  );
  const accounts = rows.map(({ account }) => String(account));
  expect(accounts).toEqual(cents.map((_, index) => `Åccount-${index}`).sort());
});

it('refuses a limit that is no number of rows', async () => {
  for (const limit of [-1, 1.5, Number.NaN]) {
    const work = everywhere().query('SELECT cents FROM transactions', [], { merge: { limit } });
    expect(await failureOf(work), String(limit)).toMatchObject({ code: 'MERIDIAN_CONFIG' });
  }
});

it('refuses more rows than it may collect, and changes', async () => {
  const many = everywhere().query('SELECT cents FROM transactions', [], { maxRows: 10 });
  expect(await failureOf(many)).toBeInstanceOf(MergeError);
  const change = everywhere().query('DELETE FROM transactions');
  expect(await failureOf(change)).toBeInstanceOf(RoutingError);
});

it('streams, and the loop may be left at any time', async () => {
  let taken = 0;
  for await (const _ of everywhere().stream('SELECT cents FROM transactions', [], { schema })) {
    if (++taken === 5) break;
  }
  expect(taken).toBe(5);
  expect(await everywhere().query('SELECT cents FROM transactions')).toHaveLength(200);
});
