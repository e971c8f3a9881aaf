import { randomUUID } from 'node:crypto';
import { type DataLayer, defineTable, MergeError } from 'meridian';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { fuzzTimeoutMs, patience, rounds, seed } from '../../support/fuzzing.ts';
import { RandomReads } from '../../support/judges/random-reads.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { isMariadb } from '../../support/servers/server-flavor.ts';

/**
 * Joins, subqueries, views and reference tables in `everywhere`, beside one server that holds all rows. The
 * same again with the seed that a run prints; `MERIDIAN_FUZZ_MINUTES=60` takes as long.
 */

const readsOfRound = 600;
const ledger = ['tx-1', 'tx-2'] as const;
/** Holds all rows. */
const judge = 'eu-1';

const ofLedger = { keyspace: 'ledger', primaryKey: 'id' } as const;
const numbered = z.object({ id: z.uuid(), owner: z.int(), n: z.int().nullable() });
const spelt = z.object({ id: z.uuid(), word: z.string(), n: z.int().nullable() });
const tables = {
  items: defineTable({ ...ofLedger, name: 'items', shardKey: 'owner', schema: numbered }),
  notes: defineTable({ ...ofLedger, name: 'notes', shardKey: 'owner', schema: numbered }),
  words: defineTable({ ...ofLedger, name: 'words', shardKey: 'word', schema: spelt }),
  letters: defineTable({ ...ofLedger, name: 'letters', shardKey: 'word', schema: spelt }),
  coins: defineTable({
    name: 'coins',
    reference: true,
    primaryKey: 'code',
    schema: z.object({ code: z.int(), n: z.int() }),
  }),
};
const numbers = [1, 2, 3, 4, 5, 6];
// By their collation some of these are equal, on two shards.
const texts = ['ada', 'ADA', 'ada ', 'bob', 'Bob', 'eve'];
const own = ['id', 'owner', 'n'];
const readable = {
  items: own,
  notes: own,
  words: ['id', 'word', 'n'],
  letters: ['id', 'word', 'n'],
  coins: ['code', 'n'],
  loose: ['n'],
  all_items: own,
  items_with_coins: own,
  item_sums: ['n'],
  first_item: ['n'],
  all_coins: ['code', 'n'],
  item_pairs: ['n'],
};
const functions = ['doubled', 'all_of', 'ABS'];

let cluster: TestCluster;
let data: DataLayer<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.startOwn();
  if (isMariadb) {
    // Its cache of subqueries takes outer texts for equal that their collation calls so, whatever the subquery
    // compares them as: what one server says would depend on the order of its rows.
    for (const shard of [judge, ...ledger] as const) {
      await cluster.sql(shard, "SET GLOBAL optimizer_switch = 'subquery_cache=off'");
    }
  }
  const id = 'id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY';
  for (const shard of [judge, 'us-1', ...ledger] as const) {
    await cluster.sql(shard, 'CREATE TABLE coins (code INT PRIMARY KEY, n INT NOT NULL)');
    await cluster.sql(shard, 'INSERT INTO coins VALUES (1, 1), (2, 2), (3, 0)');
    if (shard === 'us-1') continue;
    for (const name of ['items', 'notes']) {
      await cluster.sql(shard, `CREATE TABLE ${name} (${id}, owner INT NOT NULL, n INT)`);
    }
    for (const name of ['words', 'letters']) {
      await cluster.sql(
        shard,
        `CREATE TABLE ${name} (${id}, word VARCHAR(9) COLLATE utf8mb4_general_ci NOT NULL, n INT)`,
      );
    }
    for (const statement of [
      'CREATE TABLE loose (n INT)',
      'CREATE VIEW all_items AS SELECT id, owner, n FROM items WHERE n > 0',
      'CREATE VIEW items_with_coins AS SELECT i.id, i.owner, c.n FROM items i JOIN coins c ON c.code = i.n',
      'CREATE VIEW item_sums AS SELECT SUM(n) AS n FROM items',
      'CREATE VIEW first_item AS SELECT n FROM items ORDER BY id LIMIT 1',
      'CREATE VIEW all_coins AS SELECT code, n FROM coins',
      'CREATE VIEW item_pairs AS SELECT a.n FROM items a JOIN notes b ON b.n = a.n',
      'CREATE FUNCTION doubled(x INT) RETURNS INT DETERMINISTIC RETURN x * 2',
      'CREATE FUNCTION all_of(x INT) RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM items)',
      ...(isMariadb
        ? [
            `CREATE AGGREGATE FUNCTION total_of(x INT) RETURNS INT BEGIN
               DECLARE total INT DEFAULT 0;
               DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN total;
               LOOP FETCH GROUP NEXT ROW; SET total = total + x; END LOOP;
             END`,
          ]
        : []),
    ]) {
      await cluster.sql(shard, statement);
    }
  }
  ({ data } = await cluster.openWith(tables, patience));
});

afterAll(() => cluster.stop());

/** Rows of one round, each on the shard of its owner, and all of them on the judge. */
async function fill(random: SeededRandom): Promise<void> {
  for (const name of ['items', 'notes', 'words', 'letters', 'loose'] as const) {
    for (const shard of [judge, ...ledger] as const)
      await cluster.sql(shard, `DELETE FROM ${name}`);
    const rows = new Map<string, unknown[]>();
    const put = (shard: string, row: unknown) => rows.set(shard, [...(rows.get(shard) ?? []), row]);
    for (let count = 0; count < 9; count++) {
      const n = random.isOneIn(6) ? null : random.below(4);
      if (name === 'loose') {
        for (const shard of [judge, random.pick(ledger)]) put(shard, [n]);
        continue;
      }
      const isSpelt = name === 'words' || name === 'letters';
      const owner = random.pick<string | number>(isSpelt ? texts : numbers);
      const { shard } =
        typeof owner === 'string' ? data.words.explain(owner) : data.items.explain(owner);
      const row = [randomUUID(), owner, n];
      for (const at of [judge, shard]) put(at, row);
    }
    for (const shard of [judge, ...ledger] as const) {
      const all = rows.get(shard);
      if (all !== undefined) await cluster.sql(shard, `INSERT INTO ${name} VALUES ?`, [all]);
    }
  }
}

type Rows = readonly Readonly<Record<string, unknown>>[];

/** The rows of all as texts, in one order. */
function bag(rows: Rows): string[] {
  return rows.map(({ c0, c1 }) => JSON.stringify([shown(c0), shown(c1)])).toSorted();
}

function shown(value: unknown): string | null {
  return value === null ? null : String(value);
}

const answers = async (work: Promise<Rows>): Promise<string[] | unknown> =>
  work.then(bag, (error: unknown) => error);

describe(`everywhere beside one server (MERIDIAN_FUZZ_SEED=${seed})`, () => {
  it('gives what one server would give, or refuses', { timeout: fuzzTimeoutMs }, async () => {
    const random = new SeededRandom(seed);
    const reads = new RandomReads(random, readable, functions);
    const seen = { right: 0, refused: 0, wrong: 0 };
    for await (const _ of rounds()) {
      await fill(random);
      for (let count = 0; count < readsOfRound; count++) {
        const sql = reads.next();
        const answer = await answers(data.items.everywhere.query(sql));
        if (answer instanceof MergeError) {
          seen.refused++;
          continue;
        }
        const expected = await answers(cluster.sql(judge, sql));
        if (!Array.isArray(expected)) {
          // An unknown column, say, or a subquery with several rows.
          seen.wrong++;
          continue;
        }
        expect(answer, sql).toEqual(expected);
        seen.right++;
      }
    }
    // As many as say that the test tests.
    expect(seen.right, JSON.stringify(seen)).toBeGreaterThan(readsOfRound / 30);
    expect(seen.refused, JSON.stringify(seen)).toBeGreaterThan(readsOfRound / 10);
  });

  it('refuses an aggregate of MariaDB’s own making', { skip: !isMariadb }, async () => {
    const sql = 'SELECT total_of(n) AS n FROM items';
    expect(await failureOf(data.items.everywhere.query(sql))).toMatchObject({
      code: 'MERIDIAN_MERGE',
      message: expect.stringContaining('each()'),
    });
    expect(await data.items.everywhere.each(sql)).toHaveLength(2);
  });
});
