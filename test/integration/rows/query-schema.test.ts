import type { DataLayer } from 'meridian';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let data: DataLayer<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data } = await cluster.open());
});

afterAll(() => cluster.stop());

describe('rows of a raw query under a schema', () => {
  const one = (sql: string, type: z.ZodType) =>
    data.transactions
      .at('any')
      .query(sql, [], { schema: z.object({ value: type }) })
      .then(([row]) => row?.value);

  it('have the types of the schema', async () => {
    expect(await one('SELECT COUNT(*) AS value FROM transactions WHERE 1 = 0', z.int())).toBe(0);
    expect(await one('SELECT 9007199254740993 AS value', z.bigint())).toBe(9007199254740993n);
    expect(await one('SELECT CAST(1.5 AS DECIMAL(5,2)) AS value', z.number())).toBe(1.5);
    expect(await one("SELECT CAST('2024-02-29' AS DATE) AS value", z.iso.date())).toBe(
      '2024-02-29',
    );
    expect(await one('SELECT EXISTS (SELECT 1) AS value', z.boolean())).toBe(true);
    expect(await one("SELECT '[1]' AS value", z.array(z.int()))).toEqual([1]);
    // A BIGINT, as every comparison is one to MySQL.
    expect(await one('SELECT COUNT(*) AS value FROM (SELECT 1) one', z.boolean())).toBe(true);
    expect(await one('SELECT COUNT(*) AS value FROM transactions WHERE 1 = 0', z.boolean())).toBe(
      false,
    );
  });

  it('are refused when the schema can not hold them exactly', async () => {
    for (const [sql, type] of [
      ['SELECT 9007199254740993 AS value', z.number()],
      ['SELECT 9007199254740993 AS value', z.int()],
      ['SELECT CAST(1234567890123456789.25 AS DECIMAL(30,2)) AS value', z.number()],
      ["SELECT '0x10' AS value", z.number()],
      ['SELECT NULL AS value', z.int()],
      ['SELECT CAST(2 AS SIGNED) AS value', z.boolean()],
      ['SELECT 9007199254740993 AS value', z.unknown()],
    ] as const) {
      expect(await failureOf(one(sql, type)), sql).toMatchObject({
        code: 'MERIDIAN_ROW_UNREADABLE',
      });
    }
  });

  it.each(['{"n":9007199254740993}', '{"n":0.12345678901234567890}'])(
    'are refused by every way to ask when JSON would be rounded: %s',
    async (doc) => {
      const sql = `SELECT '${doc}' AS doc FROM information_schema.schemata WHERE schema_name = DATABASE()`;
      const schema = z.object({ doc: z.object({ n: z.number() }) });
      const { everywhere } = data.transactions;
      const at = data.transactions.at('any');
      const drained = async (rows: AsyncIterable<unknown>) => {
        for await (const row of rows) expect(row, 'a rounded row').toBeUndefined();
      };
      const ways: Record<string, () => Promise<unknown>> = {
        query: () => at.query(sql, [], { schema }),
        stream: () => drained(at.stream(sql, [], { schema })),
        transaction: () => at.transaction((trx) => trx.query(sql, [], { schema })),
        'everywhere.query': () => everywhere.query(sql, [], { schema }),
        'everywhere.each': () => everywhere.each(sql, [], { schema }),
        'everywhere.stream': () => drained(everywhere.stream(sql, [], { schema })),
      };
      for (const [way, ask] of Object.entries(ways)) {
        expect(await failureOf(ask()), way).toMatchObject({
          code: 'MERIDIAN_ROW_UNREADABLE',
          context: { column: 'doc' },
        });
      }
    },
  );
});
