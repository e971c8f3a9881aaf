import { type DataLayer, MergeError } from 'meridian';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { accountOn, failureOf, TestCluster } from '../../support/cluster.ts';
import { isMariadb } from '../../support/servers/server-flavor.ts';
import type { tables } from '../../support/tables.ts';

/** What shards say of their own rows is no answer about all of them. */

let cluster: TestCluster;
let data: DataLayer<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data } = await cluster.open());
  await data.transactions.insertMany(
    (['tx-1', 'tx-2'] as const).flatMap((shard) => {
      const account_id = accountOn(shard, data.transactions);
      return [1n, 2n, 3n].map((cents) => ({ account_id, cents }));
    }),
  );
});

afterAll(() => cluster.stop());

const everywhere = () => data.transactions.everywhere;
const refusalOf = (sql: string, options?: object, params: readonly number[] = []) =>
  failureOf(everywhere().query(sql, params, options));

describe('without a merge', () => {
  it.each([
    'SELECT cents FROM transactions ORDER BY cents',
    'SELECT cents FROM transactions LIMIT 2',
    'SELECT DISTINCT cents FROM transactions',
    'SELECT cents FROM transactions GROUP BY cents',
    'SELECT cents FROM transactions HAVING cents > 1',
    'SELECT 1 UNION SELECT 2',
    'SELECT 1 UNION ALL SELECT 2',
    'SELECT 1 EXCEPT SELECT 2',
    'SELECT ROW_NUMBER() OVER () FROM transactions',
    'SELECT COUNT(*) FROM transactions',
    'SELECT avg(cents) FROM transactions',
    'SELECT 1+MAX(cents) FROM transactions',
    ...(isMariadb
      ? [
          'SELECT cents FROM transactions WHERE ROWNUM() <= 1',
          'SELECT cents FROM transactions LIMIT ROWS EXAMINED 1',
          'SELECT cents FROM transactions PROCEDURE ANALYSE()',
        ]
      : []),
    'SELECT GROUP_CONCAT(cents) FROM transactions',
    'SELECT cents FROM transactions WHERE cents > (SELECT AVG(cents) FROM transactions)',
    'SELECT cents FROM (SELECT cents FROM transactions LIMIT 1) t',
    'WITH t AS (SELECT DISTINCT cents FROM transactions) SELECT cents FROM t',
  ])('S2: refuses %s', async (sql) => {
    for (const options of [undefined, { merge: {} }]) {
      const error = await refusalOf(sql, options);
      expect(error).toBeInstanceOf(MergeError);
      expect(error).toMatchObject({ message: expect.stringMatching(/each\(\)|merge/) });
    }
    expect(await failureOf(everywhere().stream(sql).next())).toBeInstanceOf(MergeError);
    await everywhere().each(sql);
    // One shard's answer is the whole answer.
    await everywhere().query(sql, [], { regions: ['eu'] });
  });

  it('S2: takes the words as names and data, and conditions that each row meets by itself', async () => {
    for (const sql of [
      "SELECT cents AS `order by` FROM transactions WHERE account_id <> 'LIMIT 1'",
      'SELECT t.cents AS limits FROM transactions t -- GROUP BY cents',
      'SELECT cents FROM transactions WHERE id IN (SELECT id FROM transactions)',
    ]) {
      expect(await everywhere().query(sql), sql).toHaveLength(6);
    }
  });
});

describe('with a merge', () => {
  const orderBy = [['cents', 'asc']] as const;

  it.each<[string, object, number[]?]>([
    ['SELECT cents FROM transactions', { orderBy }],
    ['SELECT cents FROM transactions ORDER BY cents DESC', { orderBy }],
    ['SELECT cents FROM transactions ORDER BY cents, id', { orderBy }],
    ['SELECT cents FROM transactions ORDER BY -cents', { orderBy }],
    ['SELECT -cents AS cents, id FROM transactions ORDER BY transactions.cents', { orderBy }],
    ['SELECT cents FROM transactions ORDER BY 1', { orderBy }],
    ['SELECT id FROM transactions ORDER BY cents', { orderBy }],
    ['(SELECT cents FROM transactions ORDER BY cents)', { orderBy }],
    ['SELECT cents FROM transactions ORDER BY cents LIMIT 2', { orderBy }],
    ['SELECT cents FROM transactions ORDER BY cents LIMIT 2', { orderBy, limit: 3 }],
    ['SELECT cents FROM transactions ORDER BY cents LIMIT ?', { orderBy, limit: 3 }, [2]],
    ['SELECT cents FROM transactions ORDER BY cents LIMIT 1 OFFSET 1', { orderBy, limit: 1 }],
    ['SELECT cents FROM transactions ORDER BY cents', { limit: 3 }],
    ['SELECT DISTINCT cents FROM transactions ORDER BY cents', { orderBy }],
    ['SELECT cents, COUNT(*) FROM transactions GROUP BY cents ORDER BY cents', { orderBy }],
    ['SELECT cents FROM transactions HAVING cents > 1 ORDER BY cents', { orderBy }],
  ])('S2: refuses %s, %j', async (sql, merge, params) => {
    expect(await refusalOf(sql, { merge }, params)).toBeInstanceOf(MergeError);
  });

  it.each<[string, object?, number[]?]>([
    ['SELECT cents FROM transactions ORDER BY cents'],
    ['SELECT * FROM transactions ORDER BY cents ASC'],
    ['SELECT t.* FROM transactions t ORDER BY t.cents'],
    ['SELECT t.cents FROM transactions t ORDER BY `cents`'],
    ['SELECT t.cents AS cents FROM transactions AS t ORDER BY t.cents;'],
    ['SELECT -cents * 2 AS cents FROM transactions ORDER BY -cents*2'],
    ['WITH t AS (SELECT * FROM transactions) SELECT t.cents FROM t WHERE cents > 0 ORDER BY cents'],
    ['SELECT cents FROM transactions ORDER BY cents LIMIT 2', { limit: 2 }],
    ['SELECT cents FROM transactions WHERE cents > ? ORDER BY cents LIMIT ?', { limit: 2 }, [0, 2]],
    ['SELECT cents FROM transactions ORDER BY cents', { limit: 2 }],
    ['SELECT cents + ? AS cents FROM transactions ORDER BY cents', {}, [1]],
  ])('S2: takes %s, %j', async (sql, merge, params = []) => {
    const rows = await everywhere().query(sql, params, { merge: { orderBy, ...merge } });
    const found = rows.map(({ cents }) => Number(cents));
    expect(found).toEqual(found.toSorted((a, b) => a - b));
    expect(found).toHaveLength(merge && 'limit' in merge ? 2 : 6);
    for (const row of rows) expect(Object.keys(row)).not.toContain('meridian_weight_0');
  });
});

describe('each()', () => {
  const sum = z.object({ n: z.int(), sum: z.bigint() });

  it('S2: gives every shard’s answer by itself, under a schema', async () => {
    const answers = await everywhere().each(
      'SELECT COUNT(*) AS n, SUM(cents) AS sum FROM transactions WHERE cents > ?',
      [1],
      { schema: sum },
    );
    expect(answers).toEqual([
      { shard: 'tx-1', rows: [{ n: 2, sum: 5n }] },
      { shard: 'tx-2', rows: [{ n: 2, sum: 5n }] },
    ]);
    const alone = await everywhere().each("SELECT 'one' AS one", [], { regions: ['us'] });
    expect(alone).toEqual([{ shard: 'tx-2', rows: [{ one: 'one' }] }]);
  });

  it('S2: fails as query() does', async () => {
    const each = (sql: string, options = {}) => everywhere().each(sql, [], options);
    for (const [work, code] of [
      [() => each('DELETE FROM transactions'), 'MERIDIAN_ROUTING'],
      [() => each('SELECT nope FROM transactions'), 'MERIDIAN_STATEMENT'],
      [() => each('SELECT cents FROM transactions', { maxRows: 5 }), 'MERIDIAN_MERGE'],
      [() => each('SELECT cents FROM transactions', { maxRows: -1 }), 'MERIDIAN_CONFIG'],
      [() => each('SELECT cents FROM transactions', { merge: { limit: 1 } }), 'MERIDIAN_CONFIG'],
      [() => each('SELECT SLEEP(10)', { timeoutMs: 50 }), 'MERIDIAN_TIMEOUT'],
      [() => each('SELECT SLEEP(10)', { signal: AbortSignal.timeout(50) }), 'MERIDIAN_ABORTED'],
      [() => each('SELECT 1', { regions: ['nowhere'] }), 'MERIDIAN_ROUTING'],
      [() => each('SELECT 1 AS one, 2 AS one'), 'MERIDIAN_ROW_UNREADABLE'],
    ] as const) {
      expect(await failureOf(work()), String(work)).toMatchObject({ code });
    }
  });
});
