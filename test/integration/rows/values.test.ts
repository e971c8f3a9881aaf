import { type DataLayer, defineTable } from 'meridian';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';

const odds = defineTable({
  name: 'odds',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({
    id: z.uuid(),
    big: z.bigint().nullable(),
    whole: z.int().nullable(),
    real: z.number().nullable(),
    price: z.string().nullable(),
    at: z.date().nullable(),
    day: z.iso.date().nullable(),
    doc: z.unknown(),
    text: z.string().nullable(),
    yes: z.boolean().nullable(),
    raw: z.instanceof(Uint8Array).nullable(),
  }),
  columns: { id: 'uuid-binary', price: 'decimal', doc: 'json', raw: 'bytes' },
  cache: { ttlMs: 60_000 },
});
const words = defineTable({
  name: 'words',
  keyspace: 'ledger',
  primaryKey: 'word',
  schema: z.object({ word: z.string(), meaning: z.string() }),
});
const empty = {
  big: null,
  whole: null,
  real: null,
  price: null,
  at: null,
  day: null,
  doc: null,
  text: null,
  yes: null,
  raw: null,
};

let cluster: TestCluster;
let data: DataLayer<{ odds: typeof odds; words: typeof words }>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE odds (id BINARY(16) PRIMARY KEY, big BIGINT, whole BIGINT, \`real\` DOUBLE,
        price DECIMAL(30,2), at DATETIME(3), day DATE, doc LONGTEXT, text VARCHAR(200), yes TINYINT,
        raw VARBINARY(100)) DEFAULT CHARSET utf8mb4`,
    );
    await cluster.sql(
      shard,
      'CREATE TABLE words (word VARCHAR(50) PRIMARY KEY, meaning TEXT NOT NULL) DEFAULT CHARSET utf8mb4',
    );
  }
  ({ data } = await cluster.openWith({ odds, words }));
});

afterAll(() => cluster.stop());

describe('a value is read as it was written', () => {
  it.each([
    { big: 9_007_199_254_740_993n },
    { big: 2n ** 63n - 1n },
    { big: -(2n ** 63n) },
    { whole: Number.MAX_SAFE_INTEGER },
    { whole: Number.MIN_SAFE_INTEGER },
    { real: 0.1 },
    { real: 5e-324 },
    { real: 1.7976931348623157e308 },
    { price: '1234567890123456789012345678.91' },
    { price: '-0.50' },
    { at: new Date('2026-11-22T21:19:43.123Z') },
    { at: new Date('1969-12-31T23:59:59.999Z') },
    { day: '2024-02-29' },
    { doc: { $: 1, nested: [null, 'ü', { deep: true }] } },
    { text: 'Zoë 👩‍🚀 日本\n\t\u0001' },
    { text: 'trailing ' },
    { text: '' },
    { yes: true },
    { yes: false },
    { raw: Buffer.from([0, 255, 39, 92, 0]) },
    { raw: Buffer.alloc(0) },
    empty,
  ])('%o', async (value) => {
    const stored = await data.odds.insert({ ...empty, ...value });
    expect(stored).toEqual({ id: stored.id, ...empty, ...value });
    const read = await data.odds.get(stored.id, { consistency: 'primary' });
    expect(read).toEqual(stored);
    await data.odds.update(stored.id, value);
    // Twice through the cache: loaded, then from memory; a second process reads it from Redis.
    expect(await data.odds.get(stored.id)).toEqual(stored);
    expect(await data.odds.get(stored.id)).toEqual(stored);
    const [column, wanted] = Object.entries(value)[0] ?? [];
    if (column === 'doc' || wanted === null || wanted === undefined) return;
    const found = await data.odds
      .at(stored.id)
      .query(`SELECT COUNT(*) AS n FROM odds WHERE \`${column}\` = ? AND id = ?`, [
        typeof wanted === 'object' && !(wanted instanceof Date)
          ? Buffer.from(wanted as Uint8Array)
          : (wanted as string),
        Buffer.from(stored.id.replaceAll('-', ''), 'hex'),
      ]);
    expect(found).toEqual([{ n: '1' }]);
  });
});

describe('a value that the database would change is refused', () => {
  it.each([
    { at: new Date('+010000-01-01T00:00:00Z') },
    { at: new Date('-000001-01-01T00:00:00Z') },
    { at: new Date(Number.NaN) },
    { price: '0.123' },
    { price: '1e3' },
    { real: Number.NaN },
    { real: Number.POSITIVE_INFINITY },
    { whole: 2 ** 53 },
    { big: 2n ** 64n },
    { text: '\ud800' },
    { text: 'x'.repeat(201) },
    { raw: Buffer.alloc(101) },
  ])('%o', async (value) => {
    const error = await failureOf(data.odds.insert({ ...empty, ...value }));
    expect(error).toMatchObject({ outcome: 'not-applied', retryable: false });
  });
});

describe('a key under a collation that ignores case', () => {
  it('is what JavaScript says it is', async () => {
    await data.words.insert({ word: 'ada', meaning: 'a name' });
    expect(await data.words.get('ada')).toMatchObject({ meaning: 'a name' });
    for (const other of ['ADA', 'Ada', 'ada ', 'adá']) {
      expect(await data.words.get(other)).toBeNull();
      expect(await data.words.update(other, { meaning: 'wrong' })).toMatchObject({ affected: 0 });
      expect(await data.words.delete(other)).toMatchObject({ affected: 0 });
    }
    expect(await data.words.getMany(['ADA', 'ada', 'ada '])).toEqual([
      null,
      { word: 'ada', meaning: 'a name' },
      null,
    ]);
  });
});

describe('a cached row', () => {
  it('can not be changed by one caller for another', async () => {
    const { id } = await data.odds.insert({
      ...empty,
      at: new Date(0),
      raw: Buffer.from('abc'),
      doc: { list: [1] },
    });
    await data.odds.get(id);
    const row = await data.odds.get(id);
    expect(Object.isFrozen(row)).toBe(true);
    row?.at?.setTime(99);
    row?.raw?.fill(0);
    expect(() => Object.assign(row?.doc ?? {}, { list: 2 })).toThrow(TypeError);
    const again = await data.odds.get(id);
    expect(again?.at).toEqual(new Date(0));
    expect(again?.raw).toEqual(Buffer.from('abc'));
    expect(again?.doc).toEqual({ list: [1] });
  });
});
