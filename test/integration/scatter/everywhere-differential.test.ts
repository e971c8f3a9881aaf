import type { DataLayer } from 'meridian';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { fuzzTimeoutMs, patience, rounds, seed } from '../../support/fuzzing.ts';
import { SeededRandom } from '../../support/seeded-random.ts';
import { isMariadb, underMode } from '../../support/servers/server-flavor.ts';
import type { tables } from '../../support/tables.ts';

/**
 * `everywhere` beside one server that holds all rows, which says in what order they are. The same again
 * with the seed that a run prints; `MERIDIAN_FUZZ_MINUTES=60` takes as long.
 */

const rowsOfRound = 160;
const ledger = ['tx-1', 'tx-2'] as const;
/** Holds all rows. */
const judge = 'eu-1';

const varchar = (collation: string) => `VARCHAR(20) CHARACTER SET utf8mb4 COLLATE ${collation}`;
/** Collations that one of the two servers has, under the names of the columns. */
const own = isMariadb
  ? {
      nopad_bin: varchar('utf8mb4_nopad_bin'),
      nopad: varchar('utf8mb4_unicode_520_nopad_ci'),
      newest: varchar('utf8mb4_uca1400_ai_ci'),
    }
  : {
      nopad_bin: varchar('utf8mb4_0900_bin'),
      nopad: varchar('utf8mb4_0900_as_cs'),
      newest: varchar('utf8mb4_0900_ai_ci'),
    };
const columns = {
  ...own,
  bin: 'VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
  general: 'VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci',
  unicode: 'VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci',
  unicode_520: 'TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci',
  swedish: 'VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_swedish_ci',
  spanish: 'VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_spanish2_ci',
  german: 'VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_german2_ci',
  utf8mb3: 'CHAR(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci',
  latin1: 'VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci',
  latin1_bin: 'VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin',
  latin1_german: 'VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_german2_ci',
  cp1251: 'VARCHAR(20) CHARACTER SET cp1251 COLLATE cp1251_general_ci',
  koi8r: 'VARCHAR(20) CHARACTER SET koi8r COLLATE koi8r_general_ci',
  sjis: 'VARCHAR(20) CHARACTER SET sjis COLLATE sjis_japanese_ci',
  bytes: 'VARBINARY(60)',
  number: 'DECIMAL(20,4)',
  at: 'DATETIME(3)',
};
type Column = keyof typeof columns;
const texts = Object.keys(columns).filter(
  (name): name is Column => !['bytes', 'number', 'at'].includes(name),
);
const pieces = [
  ..."aAzZäÄåéßsSñncChHlL0 -'\t\u0001€ÿя表ソ\u00a0İıœ\u{1f600}\uffee",
  'e\u0301',
  'ss',
  'ch',
  'll',
  '  ',
  'n\u0303',
];

let cluster: TestCluster;
let data: DataLayer<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  const list = Object.entries(columns).map(([name, type]) => `\`${name}\` ${type} NULL`);
  for (const shard of [judge, ...ledger] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE sorted (id INT PRIMARY KEY, ${isMariadb ? 'u UUID NULL, i INET6 NULL, ' : ''}${list.join(', ')},
        KEY (bin), KEY (general), KEY (latin1_bin))`,
    );
  }
  ({ data } = await cluster.open(patience));
});

afterAll(() => cluster.stop());

const everywhere = () => data.transactions.everywhere;

function text(random: SeededRandom): string {
  return Array.from({ length: random.below(6) }, () => random.pick(pieces)).join('');
}

/** Rows of one round, spread over the shards by chance, and all of them on the judge. */
async function fill(random: SeededRandom): Promise<void> {
  for (const shard of [judge, ...ledger] as const) await cluster.sql(shard, 'DELETE FROM sorted');
  for (let id = 0; id < rowsOfRound; id++) {
    const value = random.isOneIn(20) ? null : text(random);
    const row: Record<string, unknown> = Object.fromEntries(texts.map((name) => [name, value]));
    row.id = id;
    row.bytes = value === null ? null : Buffer.from(value);
    row.number = random.isOneIn(20) ? null : random.between(-50, 50).toFixed(4);
    row.at = new Date(random.below(2 ** 31) * 1_000 + random.below(1_000));
    // What a character set lacks becomes a question mark, the same on both servers.
    for (const shard of [judge, random.pick(ledger)] as const) {
      await cluster.sql(shard, underMode('NO_ENGINE_SUBSTITUTION', 'INSERT INTO sorted SET ?'), [
        row,
      ]);
    }
  }
}

async function ranks(column: Column): Promise<Map<number, number>> {
  const ranked = await cluster.sql(
    judge,
    `SELECT id, DENSE_RANK() OVER (ORDER BY \`${column}\`) AS place FROM sorted`,
  );
  return new Map(ranked.map(({ id, place }) => [Number(id), Number(place)]));
}

describe(`everywhere, beside one server (MERIDIAN_FUZZ_SEED=${seed})`, () => {
  it('S1, A17: merges every column as it sorts it, whole and by pages', {
    timeout: fuzzTimeoutMs,
  }, async () => {
    const random = new SeededRandom(seed);
    for await (const round of rounds()) {
      await fill(random);
      for (const column of Object.keys(columns).filter((name): name is Column => name in columns)) {
        const place = await ranks(column);
        for (const direction of ['asc', 'desc'] as const) {
          const rows = await everywhere().query(
            `SELECT id, \`${column}\` FROM sorted ORDER BY \`${column}\` ${direction}`,
            [],
            { merge: { orderBy: [[column, direction]] } },
          );
          expect(Object.keys(rows[0] ?? {})).toEqual(['id', column]);
          const places = rows.map(({ id }) => place.get(Number(id)) ?? Number.NaN);
          const sorted = places.toSorted((a, b) => (direction === 'asc' ? a - b : b - a));
          expect(places, `${column} ${direction}, round ${round}`).toEqual(sorted);
          expect(new Set(rows.map(({ id }) => id)).size).toBe(rowsOfRound);
        }
        expect(await pages(column), `pages of ${column}, round ${round}`).toEqual(
          await onePage(column),
        );
      }
    }
  });

  it('S1: has no row twice and lacks none where texts end in spaces', async () => {
    for (const shard of ledger) await cluster.sql(shard, 'DELETE FROM sorted');
    const put = (shard: (typeof ledger)[number], id: number, value: string) =>
      cluster.sql(shard, 'INSERT INTO sorted (id, bin, latin1_bin) VALUES (?, ?, ?)', [
        id,
        value,
        value,
      ]);
    await put('tx-1', 1, 'ada ');
    await put('tx-2', 2, 'ada');
    await put('tx-1', 3, 'ada\t');
    await put('tx-2', 4, '€');
    await put('tx-1', 5, 'ÿ');
    for (const column of ['bin', 'latin1_bin'] as const) {
      const rows = await everywhere().query(
        `SELECT id, ${column} FROM sorted ORDER BY ${column}, id`,
        [],
        {
          merge: {
            orderBy: [
              [column, 'asc'],
              ['id', 'asc'],
            ],
          },
        },
      );
      // In latin1 the euro is byte 80, in Unicode 20AC.
      expect(rows.map(({ id }) => id)).toEqual(
        column === 'bin' ? [3, 1, 2, 5, 4] : [3, 1, 2, 4, 5],
      );
    }
  });

  it.runIf(isMariadb)(
    'A17: MariaDB: refuses what is sent as text and sorted as something else',
    async () => {
      for (const shard of ledger) {
        await cluster.sql(shard, 'DELETE FROM sorted');
        await cluster.sql(shard, "INSERT INTO sorted (id, u, i) VALUES (1, UUID(), '::1')");
      }
      for (const column of ['u', 'i'] as const) {
        const merged = everywhere().query(`SELECT ${column} FROM sorted ORDER BY ${column}`, [], {
          merge: { orderBy: [[column, 'asc']] },
        });
        expect(await failureOf(merged)).toMatchObject({
          code: 'MERIDIAN_MERGE',
          message: expect.stringContaining(`CAST(${column} AS CHAR)`),
        });
      }
    },
  );

  it('A17: refuses what has no end', async () => {
    for (const shard of ledger) {
      await cluster.sql(shard, 'DELETE FROM sorted');
      await cluster.sql(
        shard,
        "INSERT INTO sorted (id, unicode_520) VALUES (1, CONCAT(REPEAT('x', 2000), ?))",
        [shard],
      );
    }
    const long = everywhere().query('SELECT unicode_520 AS t FROM sorted ORDER BY t', [], {
      merge: { orderBy: [['t', 'asc']] },
    });
    expect(await failureOf(long)).toMatchObject({
      code: 'MERIDIAN_MERGE',
      message: expect.stringContaining('max_sort_length'),
    });
  });
});

async function pages(column: Column): Promise<number[]> {
  const limit = 7;
  const ids: number[] = [];
  let last: { readonly id: number; readonly value: unknown } | undefined;
  for (;;) {
    const where =
      last === undefined ? '' : `AND (\`${column}\` > ? OR (\`${column}\` = ? AND id > ?))`;
    const rows = await everywhere().query(
      `SELECT id, \`${column}\` AS value FROM sorted WHERE \`${column}\` IS NOT NULL ${where} ORDER BY \`${column}\`, id LIMIT ${limit}`,
      last === undefined ? [] : [bindable(last.value), bindable(last.value), last.id],
      {
        merge: {
          orderBy: [
            ['value', 'asc'],
            ['id', 'asc'],
          ],
          limit,
        },
      },
    );
    ids.push(...rows.map(({ id }) => Number(id)));
    const row = rows.at(-1);
    if (row === undefined) return ids;
    last = { id: Number(row.id), value: row.value };
  }
}

function bindable(value: unknown): string | Date | Uint8Array {
  return value instanceof Date || value instanceof Uint8Array ? value : String(value);
}

async function onePage(column: Column): Promise<number[]> {
  const rows = await cluster.sql(
    judge,
    `SELECT id FROM sorted WHERE \`${column}\` IS NOT NULL ORDER BY \`${column}\`, id`,
  );
  return rows.map(({ id }) => Number(id));
}
