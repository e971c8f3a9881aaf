import { type DataLayer, MergeError } from 'meridian';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../../support/cluster.ts';
import { fuzzTimeoutMs, patience, rounds, seed } from '../../support/fuzzing.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { isMariadb } from '../../support/servers/server-flavor.ts';
import type { tables } from '../../support/tables.ts';

/**
 * Every collation that the server has sorts in `everywhere` as on one server that holds all rows, or is refused.
 * A short run draws some. The same again with the seed that a run prints; `MERIDIAN_FUZZ_MINUTES=60` draws for as long.
 */

const rowsOfRound = 200;
const ledger = ['tx-1', 'tx-2'] as const;
/** Holds all rows. */
const judge = 'eu-1';

interface Collation {
  readonly name: string;
  readonly set: string;
}

/** Whose weights do not tell their order: found by this test. */
const known: readonly Collation[] = [
  { name: 'latin7_general_ci', set: 'latin7' },
  ...(isMariadb ? [{ name: 'utf8mb4_uca1400_swedish_nopad_ai_cs', set: 'utf8mb4' }] : []),
];
const pieces = [
  ..."aAbzZáäÄéßöØøåÅæñnlLıİiIþð10 -'_~\t\u0001\u00ad中文ー😀",
  ...[
    'ss',
    'ch',
    'cz',
    'll',
    'ae',
    'aa',
    'dž',
    'ﬁ',
    'e\u0301',
    'か',
    'が',
    'カ',
    'ガ',
    'กา',
    'เก',
    '  ',
  ],
];

let cluster: TestCluster;
let data: DataLayer<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data } = await cluster.open(patience));
});

afterAll(() => cluster.stop());

async function collations(): Promise<Collation[]> {
  const found = await cluster.sql(
    judge,
    isMariadb
      ? 'SELECT FULL_COLLATION_NAME AS name, CHARACTER_SET_NAME AS charset FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY'
      : 'SELECT COLLATION_NAME AS name, CHARACTER_SET_NAME AS charset FROM information_schema.COLLATIONS',
  );
  return found
    .map(({ name, charset }) => ({ name: String(name), set: String(charset) }))
    .filter(({ name }) => name !== 'binary');
}

async function fill({ name, set }: Collation, random: SeededRandom): Promise<void> {
  const text = () => Array.from({ length: random.below(4) }, () => random.pick(pieces)).join('');
  const rows = Array.from({ length: rowsOfRound }, (_, id) => [id, text()]);
  for (const [at, shard] of ([...ledger, judge] as const).entries()) {
    await cluster.sql(shard, 'DROP TABLE IF EXISTS sorted');
    await cluster.sql(
      shard,
      `CREATE TABLE sorted (id INT PRIMARY KEY, text VARCHAR(30) CHARACTER SET ${set} COLLATE ${name})`,
    );
    const own = shard === judge ? rows : rows.filter((_, index) => index % 2 === at);
    // What a character set lacks becomes a question mark.
    await cluster.sql(shard, 'INSERT IGNORE INTO sorted VALUES ?', [own]);
  }
}

const idsOf = (rows: readonly Readonly<Record<string, unknown>>[]) =>
  rows.map(({ id }) => Number(id));

describe(`collations (MERIDIAN_FUZZ_SEED=${seed})`, () => {
  it('sort as one server does, or are refused', { timeout: fuzzTimeoutMs }, async () => {
    const random = new SeededRandom(seed);
    const all = await collations();
    const next = [...known];
    const seen = { sorted: 0, refused: 0 };
    for await (const _ of rounds(8_000)) {
      const collation = next.shift() ?? random.pick(all);
      await fill(collation, random);
      for (const direction of ['asc', 'desc'] as const) {
        const sql = `SELECT id, text FROM sorted ORDER BY text ${direction}, id`;
        const merge = {
          orderBy: [
            ['text', direction],
            ['id', 'asc'],
          ],
        } as const;
        const answer = await data.transactions.everywhere
          .query(sql, [], { merge })
          .catch((error: unknown) => error);
        if (answer instanceof MergeError) {
          // Not because the rows of a shard happened to show it.
          expect(answer.message, collation.name).not.toContain('do not come in the order');
          seen.refused++;
          continue;
        }
        expect(answer, collation.name).toBeInstanceOf(Array);
        const merged = Array.isArray(answer) ? idsOf(answer) : [];
        expect(merged, collation.name).toEqual(idsOf(await cluster.sql(judge, sql)));
        seen.sorted++;
      }
    }
    expect(seen.sorted, JSON.stringify(seen)).toBeGreaterThan(0);
    expect(seen.refused, JSON.stringify(seen)).toBeGreaterThanOrEqual(2 * known.length);
  });
});
