import { ConfigError, defineTable } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});

afterAll(() => cluster.stop());

async function create(columns: string, key = 'PRIMARY KEY (id)', other = columns): Promise<void> {
  for (const [shard, text] of [
    ['tx-1', columns],
    ['tx-2', other],
  ] as const) {
    await cluster.sql(shard, 'DROP TABLE IF EXISTS things');
    await cluster.sql(
      shard,
      `CREATE TABLE things (id BINARY(16) NOT NULL, ${text}, ${key}) DEFAULT CHARSET utf8mb4`,
    );
  }
}

async function problems(
  fields: Record<string, z.ZodType>,
  columns: Record<string, 'decimal' | 'json' | 'bytes' | 'uuid-binary'> = {},
): Promise<string[]> {
  const things = defineTable({
    name: 'things',
    keyspace: 'ledger',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid(), ...fields }),
    columns: { id: 'uuid-binary', ...columns },
  });
  const error = await failureOf(cluster.openWith({ things }, { redis: false }));
  if (!(error instanceof ConfigError)) throw error;
  return error.problems.map(({ path, message }) => `${path}: ${message}`);
}

const misfits: [what: string, column: string, type: z.ZodType, message: RegExp][] = [
  ['a DATETIME that drops milliseconds', 'DATETIME NOT NULL', z.date(), /DATETIME\(3\)/],
  ['a TIMESTAMP that drops milliseconds', 'TIMESTAMP NOT NULL', z.date(), /TIMESTAMP\(3\)/],
  ['a FLOAT for a number', 'FLOAT NOT NULL', z.number(), /DOUBLE/],
  ['an INT for a fraction', 'INT NOT NULL', z.number(), /z\.int\(\)/],
  ['a DECIMAL for a number', 'DECIMAL(10,2) NOT NULL', z.number(), /decimal/],
  ['a DOUBLE for an integer', 'DOUBLE NOT NULL', z.int(), /cannot hold integer/],
  ['a VARCHAR for a bigint', 'VARCHAR(30) NOT NULL', z.bigint(), /cannot hold bigint/],
  ['a NOT NULL column for a nullable type', 'INT NOT NULL', z.int().nullable(), /NOT NULL/],
  ['a NOT NULL column for an optional type', 'INT NOT NULL', z.int().optional(), /NOT NULL/],
  ['a generated column', 'INT AS (1 + 1) STORED', z.int().nullable(), /computed by the server/],
  ['a UUID column that is too short', 'CHAR(32) NOT NULL', z.uuid(), /shorter/],
  ['a UUID in BINARY without its codec', 'BINARY(16) NOT NULL', z.uuid(), /uuid-binary/],
  ['an ENUM that lacks a member', "ENUM('a') NOT NULL", z.enum(['a', 'b']), /lacks members/],
  [
    'an ENUM that spells a member otherwise',
    "ENUM('FREE') NOT NULL",
    z.enum(['free']),
    /lacks members/,
  ],
];

it.each(misfits)('refuses %s', async (_, column, type, message) => {
  await create(`extra ${column}`);
  const found = await problems({ extra: type });
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(/^tables\.things\.schema\.extra: /);
  expect(found[0]).toMatch(message);
});

it('refuses a column that is not there, and names the one that was meant', async () => {
  await create('balance INT NULL');
  expect(await problems({ balanec: z.int() })).toEqual([
    expect.stringMatching(/^tables\.things\.schema\.balanec: .*did you mean 'balance'/),
  ]);
});

it('refuses a table that is not there, and names the one that was meant', async () => {
  const thing = defineTable({
    name: 'transaction',
    keyspace: 'ledger',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid() }),
  });
  const error = await failureOf(cluster.openWith({ thing }, { redis: false }));
  expect(error).toMatchObject({
    message: expect.stringMatching(/tables\.thing: .*'transaction'; did you mean 'transactions'/),
  });
});

it('refuses another primary key than the table has', async () => {
  await create('other INT NOT NULL', 'PRIMARY KEY (id, other)');
  expect(await problems({ other: z.int() })).toEqual([
    expect.stringMatching(/^tables\.things\.primaryKey: .*\(id, other\)/),
  ]);
});

it('refuses a column that needs a value which the schema does not know', async () => {
  await create('needed INT NOT NULL, filled INT NOT NULL DEFAULT 1, nothing INT NULL');
  expect(await problems({})).toEqual([
    expect.stringMatching(/^tables\.things\.schema: .*'needed'/),
  ]);
});

it('refuses a decimal that one shard would round', async () => {
  await create('price DECIMAL(10,4) NOT NULL', 'PRIMARY KEY (id)', 'price DECIMAL(10,2) NOT NULL');
  expect(await problems({ price: z.string() }, { price: 'decimal' })).toEqual([
    expect.stringMatching(/^tables\.things\.schema\.price: .*tx-2/),
  ]);
});

it('refuses a key that one shard compares otherwise than the next', async () => {
  for (const [shard, collation] of [
    ['tx-1', 'utf8mb4_bin'],
    ['tx-2', 'utf8mb4_general_ci'],
  ] as const) {
    await cluster.sql(shard, 'DROP TABLE IF EXISTS names');
    await cluster.sql(
      shard,
      `CREATE TABLE names (name VARCHAR(50) COLLATE ${collation} PRIMARY KEY)`,
    );
  }
  const names = defineTable({
    name: 'names',
    keyspace: 'ledger',
    primaryKey: 'name',
    schema: z.object({ name: z.string() }),
  });
  const error = await failureOf(cluster.openWith({ names }, { redis: false }));
  expect(error).toMatchObject({ message: expect.stringMatching(/tables\.names\.schema\.name: /) });
});

it('accepts the same columns when they fit', async () => {
  await create(
    "at DATETIME(3) NULL, kind ENUM('a','it''s') NOT NULL, price DECIMAL(10,2) NOT NULL, doc JSON NULL",
  );
  const things = defineTable({
    name: 'things',
    keyspace: 'ledger',
    primaryKey: 'id',
    schema: z.object({
      id: z.uuid(),
      at: z.date().nullable(),
      kind: z.enum(['a', "it's"]),
      price: z.string(),
      doc: z.object({ deep: z.array(z.number()) }).nullable(),
    }),
    columns: { id: 'uuid-binary', price: 'decimal' },
  });
  const { data } = await cluster.openWith({ things }, { redis: false });
  const stored = await data.things.insert({
    at: null,
    kind: "it's",
    price: '1.5',
    doc: { deep: [1] },
  });
  expect(await data.things.get(stored.id)).toEqual(stored);
});
