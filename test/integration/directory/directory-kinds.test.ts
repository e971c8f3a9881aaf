import { defineTable } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { directoryKey } from '../../support/tables/members.ts';

const things = defineTable({
  name: 'things',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({
    id: z.string(),
    code: z.uuid().nullable(),
    day: z.iso.date().nullable(),
    big: z.bigint().nullable(),
    text: z.string().nullable(),
    count: z.int().nullable(),
  }),
  columns: { code: 'uuid-binary' },
  lookups: {
    code: { unique: true, personal: false },
    day: { unique: true },
    big: { unique: true, personal: false },
    text: { unique: true, personal: false },
    count: { unique: true },
  },
});
const nothing = { code: null, day: null, big: null, text: null, count: null };

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE things (id VARCHAR(40) COLLATE utf8mb4_bin PRIMARY KEY, code BINARY(16), day DATE,
        big BIGINT, text VARCHAR(400) COLLATE utf8mb4_general_ci, count INT)`,
    );
  }
});

afterAll(() => cluster.stop());

it('values of every kind are found as they are stored, and are one when JavaScript says so', async () => {
  const { data } = await cluster.openWith(
    { things },
    { directory: { keyspace: 'ledger', keys: [directoryKey] } },
  );
  const code = crypto.randomUUID();
  const big = -(2n ** 63n);
  const row = await data.things.insert({
    id: 'x/é 😀',
    code: code.toUpperCase(),
    day: '2024-02-29',
    big,
    text: 'é',
    count: -0,
  });
  expect(await data.things.by('code', code).get()).toEqual(row);
  expect(await data.things.by('code', code.toUpperCase()).get()).toEqual(row);
  expect(await data.things.by('day', '2024-02-29').get()).toEqual(row);
  expect(await data.things.by('big', big).get()).toEqual(row);
  expect(await data.things.by('count', 0).get()).toEqual(row);
  expect(await data.things.by('text', 'é').get()).toEqual(row);

  // The column's collation calls the first three equal.
  for (const text of ['É', 'é ', 'e', 'e\u0301', '', 'é'.repeat(127)]) {
    expect(await data.things.by('text', text).get()).toBeNull();
    const other = await data.things.insert({ ...nothing, id: `text ${text.slice(0, 9)}`, text });
    expect(await data.things.by('text', text).get()).toEqual(other);
  }
  const tooLong = data.things.update(row.id, { text: 'é'.repeat(128) });
  expect(await failureOf(tooLong)).toMatchObject({ code: 'MERIDIAN_ROW_INVALID' });
  expect(() => data.things.by('count', 1.5)).toThrow("can't be the 'count'");
  expect(() => data.things.by('text', 'x\ud800')).toThrow("can't be the 'text'");
  expect(await data.things.backfill('text')).toMatchObject({ entered: 0, invalid: [] });
});
