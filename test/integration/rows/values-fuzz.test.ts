import { type DataLayer, defineTable } from 'meridian';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { TestCluster } from '../../support/cluster.ts';
import { fuzzTimeoutMs, patience, rounds, seed, soonMs } from '../../support/fuzzing.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

/**
 * Random rows of every column type, extremes among them, through insert, get past the caches, from memory
 * and from Redis, update, everywhere, stream and relocation; the judge is a plain connection, which reads all columns but
 * `price` and `doc` past Meridian. MERIDIAN_FUZZ_SEED repeats a run, MERIDIAN_FUZZ_MINUTES makes it long.
 *
 * Faults put into `dateOf` (mysql/read-times.ts) on purpose, and what seed 1 said of them: without the cut to
 * milliseconds, so that microseconds count as milliseconds, `fine` was refused at insert as beyond the year 9999;
 * with years below 100 taken for those of the twentieth century, the day 0001-01-01 was read as 1901-01-01.
 * JSON without the check of exact numbers is not found: the rows hold only numbers that JavaScript has.
 * exact-values.test.ts has those that others wrote.
 */

const columns = {
  text: z.string().nullable(),
  small: z.int().nullable(),
  big: z.bigint().nullable(),
  real: z.number().nullable(),
  price: z.string().nullable(),
  flag: z.boolean().nullable(),
  day: z.iso.date().nullable(),
  at: z.date().nullable(),
  fine: z.string().nullable(),
  doc: z.unknown(),
  bytes: z.instanceof(Uint8Array).nullable(),
};
const codecs = {
  id: 'uuid-binary',
  price: 'decimal',
  fine: 'datetime-text',
  doc: 'json',
  bytes: 'bytes',
} as const;
const fuzzedWith = (cache: { ttlMs: number; memory?: false }) =>
  defineTable({
    name: 'fuzzed',
    keyspace: 'ledger',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid(), ...columns }),
    columns: codecs,
    cache,
  });
const fuzzed = fuzzedWith({ ttlMs: 60_000 });
/** What one that keeps rows in memory is told of a change by another may come late. */
const withoutMemory = fuzzedWith({ ttlMs: 60_000, memory: false });
const movers = defineTable({
  name: 'movers',
  keyspace: 'people',
  primaryKey: 'id',
  place: ({ country }) => ({ country }),
  schema: z.object({ id: z.uuid(), country: z.string(), ...columns }),
  columns: codecs,
});
const ddl = `text TEXT COLLATE utf8mb4_bin, small INT, big BIGINT, \`real\` DOUBLE, price DECIMAL(30,10), flag TINYINT,
  day DATE, at DATETIME(3), fine DATETIME(6), doc JSON, bytes VARBINARY(100)`;

/** Milliseconds of a short run. */
const shortMs = 1_500;

let cluster: TestCluster;
let data: DataLayer<{ fuzzed: typeof fuzzed; movers: typeof movers }>;
let other: typeof data;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(shard, `CREATE TABLE fuzzed (id BINARY(16) PRIMARY KEY, ${ddl})`);
  }
  for (const shard of ['eu-1', 'us-1'] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE movers (id BINARY(16) PRIMARY KEY, country CHAR(2) NOT NULL, ${ddl})`,
    );
  }
  ({ data } = await cluster.openWith({ fuzzed, movers }, patience));
  ({ data: other } = await cluster.openWith({ fuzzed: withoutMemory, movers }, patience));
});

afterAll(() => cluster.stop());

it(
  `values are what they were, seed ${seed}`,
  async () => {
    const seeded = new SeededRandom(seed);
    const random = () => seeded.next();
    const pick: Pick = (values) => seeded.pick(values);
    for await (const _ of rounds(shortMs)) {
      const row = randomRow(random, pick);
      const stored = await data.fuzzed.insert(row);
      const expected = { ...row, id: stored.id };
      await same(expected);
      const patch = randomRow(random, pick);
      await data.fuzzed.update(stored.id, patch);
      await same({ ...patch, id: stored.id });
    }
  },
  fuzzTimeoutMs,
);

it(
  `values are what they were on another shard, seed ${seed}`,
  async () => {
    const seeded = new SeededRandom(seed);
    const random = () => seeded.next();
    const pick: Pick = (values) => seeded.pick(values);
    for await (const _ of rounds(shortMs)) {
      const row = randomRow(random, pick);
      const { id } = await data.movers.insert({ ...row, country: 'DE' });
      const before = await onShard('eu-1', id);
      await data.movers.relocate(id, { country: 'US' }, { pauseMs: soonMs });
      expect(await onShard('us-1', id), `seed ${seed}`).toEqual(before);
      expect(await onShard('eu-1', id), `seed ${seed}`).toBeUndefined();
      const { country, ...moved } = { ...(await data.movers.get(id)) };
      expect(plain(moved), `seed ${seed}`).toEqual(plain({ ...row, id }));
    }
  },
  fuzzTimeoutMs,
);

/** A row as its bytes: each column's text and, of the DOUBLE, all of its digits. */
async function onShard(shard: 'eu-1' | 'us-1', id: string): Promise<RowDataPacket | undefined> {
  const names = Object.keys(columns);
  const bytes = names.map((name) => `HEX(CAST(\`${name}\` AS CHAR)) AS \`${name}\``);
  const sql = `SELECT ${bytes.join(', ')}, HEX(text) AS raw, HEX(bytes) AS packed FROM movers WHERE id = UNHEX(?)`;
  const [row] = await cluster.sql(shard, sql, [id.replaceAll('-', '')]);
  return row;
}

type Pick = <T>(values: readonly T[]) => T;
type Row = ReturnType<typeof randomRow>;

/** Every way to read the row gives what was written, and the server holds the same. */
async function same(expected: Row & { id: string }): Promise<void> {
  const { id } = expected;
  const sql = 'SELECT * FROM fuzzed WHERE id = UNHEX(?)';
  const hex = id.replaceAll('-', '');
  const schema = fuzzed.schema;
  const ways: Record<string, unknown> = {
    primary: await data.fuzzed.get(id, { consistency: 'primary' }),
    loaded: await data.fuzzed.get(id),
    memory: await data.fuzzed.get(id),
    redis: await other.fuzzed.get(id),
    many: (await data.fuzzed.getMany([id], { consistency: 'primary' }))[0],
    everywhere: (await data.fuzzed.everywhere.query(sql, [hex], { schema }))[0],
  };
  for await (const row of data.fuzzed.at(id).stream(sql, [hex], { schema })) ways.stream = row;
  for (const [way, row] of Object.entries(ways)) {
    expect(plain(row), `seed ${seed}, by ${way}`).toEqual(plain(expected));
  }
  expect(await judged(id), `seed ${seed}, on the server`).toEqual({
    text: expected.text,
    small: expected.small === null ? null : String(expected.small),
    big: expected.big === null ? null : String(expected.big),
    real: expected.real,
    day: expected.day,
    at: expected.at === null ? null : expected.at.toISOString().slice(0, 23).replace('T', ' '),
    fine: expected.fine,
    bytes:
      expected.bytes === null ? null : Buffer.from(expected.bytes).toString('hex').toUpperCase(),
  });
}

/** What a plain connection says, every column but the DOUBLE as text. */
async function judged(id: string) {
  const { shard } = data.fuzzed.explain(id);
  const connection = await mysql.createConnection(cluster.url(shard === 'tx-1' ? 'tx-1' : 'tx-2'));
  try {
    // Prepared, so that a DOUBLE comes as its eight bytes: the driver rounds some that come as text.
    const [rows] = await connection.execute<RowDataPacket[]>(
      `SELECT text, CAST(small AS CHAR) AS small, CAST(big AS CHAR) AS big, \`real\`, CAST(day AS CHAR) AS day,
        CAST(at AS CHAR) AS at, CAST(fine AS CHAR) AS fine, HEX(bytes) AS bytes FROM fuzzed WHERE id = UNHEX(?)`,
      [id.replaceAll('-', '')],
    );
    return { ...rows[0] };
  } finally {
    await connection.end();
  }
}

/** Bytes by what they hold, whether a Buffer or not. */
function plain(row: unknown): unknown {
  if (typeof row !== 'object' || row === null || !('bytes' in row)) return row;
  return { ...row, bytes: row.bytes instanceof Uint8Array ? [...row.bytes] : row.bytes };
}

const texts = [
  '',
  ' ',
  'a ',
  "it's",
  '\\',
  '\\\\',
  '"',
  '\0',
  '\n',
  '😀',
  'ü',
  'u\u0308',
  '\ufeff',
  'x'.repeat(3_000),
  '%_',
  '?',
  '--',
];
const digits = (random: () => number, count: number) =>
  Array.from({ length: count }, () => Math.floor(random() * 10)).join('');

function randomRow(random: () => number, pick: Pick) {
  const maybe = <T>(make: () => T): T | null => (random() < 0.1 ? null : make());
  const number = () =>
    pick([0, 1, -1, 0.1, 1e308, -1e-300, 5e-324, 2 ** 53 - 1, random(), random() * 1e9]);
  const time = () =>
    new Date(
      pick([
        Date.UTC(1000, 0, 1),
        0,
        253_402_300_799_999,
        951_782_400_000,
        Math.floor(random() * 4e12),
      ]),
    );
  const doc = (depth: number): unknown =>
    depth === 0 || random() < 0.4
      ? pick<unknown>([null, true, number(), pick(texts), `9007199254740993${digits(random, 3)}`])
      : pick<() => unknown>([
          () => [doc(depth - 1), doc(depth - 1)],
          () => ({ [pick(['a', 'ü', '', 'x.y', '"'])]: doc(depth - 1), b: doc(depth - 1) }),
        ])();
  return {
    text: maybe(() => pick(texts) + pick(texts)),
    small: maybe(() => pick([0, -1, 2 ** 31 - 1, -(2 ** 31), Math.floor(random() * 1e6)])),
    big: maybe(() =>
      pick([0n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, BigInt(Math.floor(random() * 1e15))]),
    ),
    real: maybe(number),
    price: maybe(
      () =>
        `${pick(['', '-'])}${1 + Math.floor(random() * 9)}${digits(random, 18)}.${digits(random, 10)}`,
    ),
    flag: maybe(() => random() < 0.5),
    day: maybe(() =>
      pick([
        '0001-01-01',
        '0099-12-31',
        '1000-01-01',
        '9999-12-31',
        '2024-02-29',
        time().toISOString().slice(0, 10),
      ]),
    ),
    at: maybe(time),
    fine: maybe(
      () => `${time().toISOString().slice(0, 19).replace('T', ' ')}.${digits(random, 6)}`,
    ),
    doc: doc(3),
    bytes: maybe(() =>
      Uint8Array.from({ length: Math.floor(random() * 100) }, () => Math.floor(random() * 256)),
    ),
  };
}
