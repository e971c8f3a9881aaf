import { defineTable, RowError, RowUnreadableError } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';

/** What a schema makes of values is stored once, and what is stored is read as it is, from every tier. */

const shouted = z.string().overwrite((text) => `<${text}>`);
const notes = defineTable({
  name: 'notes',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({
    id: z.string(),
    text: shouted.nullable(),
    name: z.string().trim().nullable(),
    doc: z.object({ word: shouted, kind: z.string().default('plain') }).nullable(),
    any: z.record(z.string(), z.unknown()).nullable(),
    at: z.date().nullable(),
    raw: z.instanceof(Uint8Array).nullable(),
    count: z.bigint().nullable(),
  }),
  columns: { raw: 'bytes' },
  cache: { ttlMs: 60_000, memory: false },
});
const late = defineTable({
  name: 'notes',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({ id: z.string(), name: z.string().refine(async () => true) }),
  cache: { ttlMs: 60_000 },
});

const shards = ['tx-1', 'tx-2'] as const;
const nothing = { text: null, name: null, doc: null, any: null, at: null, raw: null, count: null };

const open = () => cluster.openWith({ notes });
let cluster: TestCluster;
let data: Awaited<ReturnType<typeof open>>['data'];

const onBoth = async (sql: string, params: unknown[] = []) => {
  const rows = await Promise.all(shards.map((shard) => cluster.sql(shard, sql, params)));
  return rows.flat();
};

/** A row that others wrote, on the shard where it belongs. */
const write = (id: string, column: string, value: string) =>
  cluster.sql(
    data.notes.explain(id).shard === 'tx-1' ? 'tx-1' : 'tx-2',
    `INSERT INTO notes (id, ${column}) VALUES (?, ?)`,
    [id, value],
  );

beforeAll(async () => {
  cluster = await TestCluster.start();
  await onBoth(
    `CREATE TABLE notes (id VARCHAR(64) COLLATE utf8mb4_bin PRIMARY KEY, text VARCHAR(40), name VARCHAR(40),
      doc LONGTEXT, any LONGTEXT, at DATETIME(3), raw VARBINARY(20), count BIGINT)`,
  );
  ({ data } = await open());
});

afterAll(() => cluster.stop());

it('a schema that changes values does so once, when they are written', async () => {
  const given = { ...nothing, id: 'once', text: 'x', name: ' spaced ', doc: { word: 'y' } };
  const stored = { text: '<x>', name: 'spaced', doc: { word: '<y>', kind: 'plain' } };
  expect(await data.notes.insert(given)).toMatchObject(stored);
  const [raw] = await onBoth("SELECT text, doc FROM notes WHERE id = 'once'");
  expect(raw).toMatchObject({ text: '<x>', doc: JSON.stringify(stored.doc) });
  // From the shard, then from Redis.
  for (let read = 0; read < 3; read++) expect(await data.notes.get('once')).toMatchObject(stored);
  await data.notes.update('once', { text: 'z' });
  expect(await data.notes.get('once')).toMatchObject({ ...stored, text: '<z>' });
});

it('what others stored is read as it is, with the defaults of its JSON', async () => {
  await write('spaced', 'name', ' spaced ');
  await write('bare', 'doc', '{"word":"x","more":1}');
  for (let read = 0; read < 2; read++) {
    expect(await data.notes.get('spaced')).toMatchObject({ name: ' spaced ' });
    expect((await data.notes.get('bare'))?.doc).toEqual({ word: 'x', kind: 'plain' });
  }
});

it('what insert gives is what it stored, whatever becomes of the bytes and the date given', async () => {
  const [raw, at] = [Buffer.from('before'), new Date(0)];
  at.setUTCFullYear(2020);
  const inserting = data.notes.insert({ ...nothing, id: 'bytes', raw, at });
  raw.write('AFTER!');
  at.setUTCFullYear(2025);
  const told = await inserting;
  expect(Buffer.from(told.raw ?? []).toString()).toBe('before');
  expect(told.at?.getUTCFullYear()).toBe(2020);
  expect(await data.notes.get('bytes')).toEqual(told);
});

it('JSON text with a key twice is not read as one of the two', async () => {
  await write('twice', 'any', '{"role":"user","at":"12:30","role":"admin"}');
  const error = await failureOf(data.notes.get('twice'));
  expect(error).toBeInstanceOf(RowUnreadableError);
  expect(error).toMatchObject({ message: expect.stringMatching(/any.* a key twice/s) });
  await write('within', 'any', '{"a":{"b":1},"c":[{"b":2},{"b":"x: y, \\"b\\": z"}]}');
  expect((await data.notes.get('within'))?.any).toMatchObject({ a: { b: 1 } });
  const account = 'twice';
  const query = data.notes.at(account).query('SELECT `any` FROM notes WHERE id = ?', [account], {
    schema: z.object({ any: z.json() }),
  });
  expect(await failureOf(query)).toBeInstanceOf(RowUnreadableError);
});

it('a key that a schema of records drops is refused, and not read without it', async () => {
  const any: Record<string, unknown> = JSON.parse('{"a":1,"__proto__":{"b":2}}');
  const error = await failureOf(data.notes.insert({ ...nothing, id: 'proto', any }));
  expect(error).toBeInstanceOf(RowError);
  expect(error).toMatchObject({ problems: [{ path: 'any' }] });
  await write('proto', 'any', JSON.stringify(any));
  expect(await failureOf(data.notes.get('proto'))).toBeInstanceOf(RowUnreadableError);
});

it('a check that answers with a promise is refused with its column', async () => {
  await cluster.forgetFacts();
  const { data: waiting } = await cluster.openWith({ notes: late });
  const error = await failureOf(waiting.notes.insert({ id: 'late', name: 'x' }));
  expect(error).toBeInstanceOf(RowError);
  expect(error).toMatchObject({ problems: [{ path: 'name' }] });
  await write('later', 'name', 'x');
  expect(await failureOf(waiting.notes.get('later'))).toBeInstanceOf(RowUnreadableError);
});

it('a BIGINT that became a DOUBLE while the service runs is not read rounded', async () => {
  await data.notes.insert({ ...nothing, id: 'big', count: 9_007_199_254_740_993n });
  expect(await data.notes.get('big')).toMatchObject({ count: 9_007_199_254_740_993n });
  await onBoth('ALTER TABLE notes MODIFY count DOUBLE');
  try {
    const error = await failureOf(data.notes.get('big', { consistency: 'primary' }));
    expect(error).toBeInstanceOf(RowUnreadableError);
  } finally {
    await onBoth('ALTER TABLE notes MODIFY count BIGINT');
  }
});
