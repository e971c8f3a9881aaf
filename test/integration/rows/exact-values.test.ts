import { defineTable, type RowError } from 'meridian';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, shardNames, TestCluster } from '../../support/cluster.ts';
import { isMariadb, underMode } from '../../support/servers/server-flavor.ts';

enum Level {
  Low = 1,
  High = 2,
}

/** Every column may be missing, so that each test gives what it is about. */
const facts = defineTable({
  name: 'facts',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({
    id: z.string(),
    day: z.iso.date().nullish(),
    at: z.date().nullish(),
    fine: z.string().nullish(),
    stamp: z.date().nullish(),
    doc: z.unknown().optional(),
    kind: z.enum(['a\\b', "it's", 'say "x"']).nullish(),
    level: z.enum(Level).nullish(),
  }),
  columns: { fine: 'datetime-text', doc: 'json' },
});

const words = defineTable({
  name: 'words',
  keyspace: 'ledger',
  primaryKey: 'word',
  schema: z.object({ word: z.string(), n: z.int() }),
});

const short = defineTable({
  name: 'short',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({ id: z.string(), v: z.string().nullish(), note: z.string().nullish() }),
});

const marks = defineTable({
  name: 'marks',
  reference: true,
  primaryKey: 'id',
  schema: z.object({ id: z.string(), v: z.string() }),
});

const orders = defineTable({
  name: 'orders',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'owner',
  schema: z.object({ id: z.uuid(), owner: z.string(), n: z.int() }),
});

const wide = defineTable({
  name: 'wide',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({
    id: z.int(),
    ...Object.fromEntries(Array.from({ length: 255 }, (_, index) => [`c${index}`, z.int()])),
    note: z.string(),
  }),
});

let cluster: TestCluster;
let data: Awaited<ReturnType<typeof open>>;

function open() {
  return cluster
    .openWith({ facts, words, short, marks, orders, wide })
    .then((opened) => opened.data);
}

beforeAll(async () => {
  cluster = await TestCluster.start();
  const columns = Array.from({ length: 255 }, (_, index) => `c${index} INT NOT NULL`).join(', ');
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE facts (id VARCHAR(50) COLLATE utf8mb4_bin PRIMARY KEY, day DATE, at DATETIME(3), fine DATETIME(6),
        stamp TIMESTAMP(3) NULL, doc JSON, kind ENUM('a\\\\b', 'it''s', 'say "x"'), level INT)`,
    );
    await cluster.sql(
      shard,
      'CREATE TABLE words (word VARCHAR(50) CHARACTER SET latin1 COLLATE latin1_bin PRIMARY KEY, n INT NOT NULL)',
    );
    await cluster.sql(
      shard,
      'CREATE TABLE short (id VARCHAR(5) COLLATE utf8mb4_bin PRIMARY KEY, v VARCHAR(3) COLLATE utf8mb4_bin, note TINYTEXT COLLATE utf8mb4_bin)',
    );
    await cluster.sql(
      shard,
      'CREATE TABLE orders (id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, owner VARCHAR(64) COLLATE utf8mb4_bin NOT NULL, n INT NOT NULL, KEY (owner))',
    );
    await cluster.sql(
      shard,
      `CREATE TABLE wide (id INT PRIMARY KEY, ${columns}, note LONGTEXT NOT NULL)`,
    );
  }
  for (const shard of shardNames) {
    await cluster.sql(
      shard,
      'CREATE TABLE marks (id VARCHAR(5) COLLATE utf8mb4_bin PRIMARY KEY, v VARCHAR(3) COLLATE utf8mb4_bin NOT NULL)',
    );
  }
  data = await open();
});

afterAll(() => cluster.stop());

async function stored(id: string, column: string, value: string): Promise<void> {
  const { shard } = data.facts.explain(id);
  if (shard !== 'tx-1' && shard !== 'tx-2') throw new TypeError('the ledger has two shards');
  await cluster.sql(
    shard,
    underMode('ALLOW_INVALID_DATES', `INSERT INTO facts (id, ${column}) VALUES (?, ?)`),
    [id, value],
  );
}

describe('V3: dates', () => {
  it.each(['0001-01-01', '0099-12-31', '1000-01-01', '9999-12-31', '2024-02-29'])(
    'V3: %s is the same day',
    async (day) => {
      expect((await data.facts.insert({ id: `day ${day}`, day })).day).toBe(day);
      expect((await data.facts.get(`day ${day}`))?.day).toBe(day);
    },
  );

  it.each([
    ['day', '2013-03-00'],
    ['day', '2013-00-00'],
    ['day', '2011-02-31'],
    ['day', '0000-00-00'],
    ['at', '0000-00-00 10:00:00'],
    ['at', '2011-02-31 10:00:00'],
  ])('V3: %s %s is unreadable, and raw rows have it as it is', async (column, value) => {
    const id = `odd ${column} ${value}`;
    await stored(id, column, value);
    expect(await failureOf(data.facts.get(id))).toMatchObject({
      code: 'MERIDIAN_ROW_UNREADABLE',
      context: { column },
    });
    const sql = `SELECT ${column} AS v FROM facts WHERE id = ?`;
    const [row] = await data.facts.at(id).query(sql, [id]);
    expect(String(row?.v)).toContain(value);
    for await (const { v } of data.facts.at(id).stream(sql, [id]))
      expect(String(v)).toContain(value);
  });
});

describe('V4, V5: JSON', () => {
  it.each([
    '{"n": 9007199254740993}',
    '[{"deep": [1, 12345678901234567890]}]',
    // MySQL keeps a double for these, or refuses them; MariaDB keeps the text.
    ...(isMariadb ? ['0.12345678901234567890', '1e999'] : []),
  ])('V4: %s is unreadable', async (doc) => {
    await stored(`json ${doc}`, 'doc', doc);
    expect(await failureOf(data.facts.get(`json ${doc}`))).toMatchObject({
      code: 'MERIDIAN_ROW_UNREADABLE',
      context: { column: 'doc' },
    });
  });

  it.each([
    { n: Number.MAX_SAFE_INTEGER, card: '9007199254740993', e: 1e300, f: 0.1 + 0.2 },
    ['"9007199254740993"', '\\"12345678901234567890', 0.5, -1.5e-7, 5e-324],
  ])('V4: what a number holds comes back', async (doc) => {
    const id = `exact ${JSON.stringify(doc)}`.slice(0, 50);
    expect((await data.facts.insert({ id, doc })).doc).toEqual(doc);
    expect((await data.facts.get(id))?.doc).toEqual(doc);
  });

  const circular: Record<string, unknown> = {};
  circular.self = { circular };
  it.each([
    ['a bigint', { n: 1n }, 'doc.n'],
    ['a circle', circular, 'doc.self.circular'],
    ['a Map', { a: [new Map()] }, 'doc.a[0]'],
    ['a Set', new Set([1]), 'doc'],
    ['NaN', { n: Number.NaN }, 'doc.n'],
    ['Infinity', [Number.POSITIVE_INFINITY], 'doc[0]'],
    ['-0', { n: -0 }, 'doc.n'],
    ['undefined', { a: { b: undefined } }, 'doc.a.b'],
    ['a hole', Object.assign([1], { length: 2 }), 'doc[1]'],
    ['a Date', { at: new Date() }, 'doc.at'],
    ['a class', { url: new URL('http://a') }, 'doc.url'],
    ['a function', { f: () => 1 }, 'doc.f'],
  ])('V5: %s is refused with its path', async (_, doc, path) => {
    const error = await failureOf(data.facts.insert({ id: 'x', doc }));
    expect(error).toMatchObject({ code: 'MERIDIAN_ROW_INVALID' });
    expect((error as RowError).problems.map((problem) => problem.path)).toEqual([path]);
  });
});

describe('V6, V11: times', () => {
  it('V6: datetime-text keeps microseconds, and finds its row by what was read', async () => {
    const fine = '2026-11-28 10:00:00.123456';
    expect((await data.facts.insert({ id: 'fine', fine })).fine).toBe(fine);
    const row = await data.facts.get('fine');
    expect(row?.fine).toBe(fine);
    const at = data.facts.at('fine');
    const { affected } = await at.execute('UPDATE facts SET level = 1 WHERE id = ? AND fine = ?', [
      'fine',
      row?.fine ?? null,
    ]);
    expect(affected).toBe(1);
    const [raw] = await at.query('SELECT fine FROM facts WHERE id = ?', ['fine']);
    expect(raw?.fine).toBe(fine);
    await data.facts.update('fine', { fine: '2026-11-28 10:00:00' });
    expect((await data.facts.get('fine'))?.fine).toBe('2026-11-28 10:00:00.000000');
  });

  it('V6: datetime-text refuses what it would round, and what is no time', async () => {
    for (const fine of ['2026-11-28 10:00:00.1234567', '2026-02-30 10:00:00', 'now']) {
      expect(await failureOf(data.facts.insert({ id: 'x', fine }))).toMatchObject({
        problems: [{ path: 'fine' }],
      });
    }
  });

  it.each(['DATETIME(6)', 'TIMESTAMP(4)'])('V6: %s is refused for a Date', async (type) => {
    for (const shard of ['tx-1', 'tx-2'] as const) {
      await cluster.sql(shard, 'DROP TABLE IF EXISTS finer');
      await cluster.sql(shard, `CREATE TABLE finer (id INT PRIMARY KEY, at ${type} NOT NULL)`);
    }
    const finer = defineTable({
      name: 'finer',
      keyspace: 'ledger',
      primaryKey: 'id',
      schema: z.object({ id: z.int(), at: z.date() }),
    });
    expect(await failureOf(cluster.openWith({ finer }))).toMatchObject({
      message: expect.stringMatching(/tables\.finer\.schema\.at: .*datetime-text/),
    });
  });

  it.each([new Date(0), new Date('2038-01-19T03:14:08Z'), new Date('9000-01-01')])(
    'V11: a TIMESTAMP that is out of range is refused with its column (%s)',
    async (stamp) => {
      expect(await failureOf(data.facts.insert({ id: 'x', stamp }))).toMatchObject({
        code: 'MERIDIAN_ROW_INVALID',
        problems: [{ path: 'stamp' }],
      });
    },
  );

  it.each([new Date(1_000), new Date('2038-01-19T03:14:07.999Z')])(
    'V11: a TIMESTAMP at the end of its range is stored (%s)',
    async (stamp) => {
      const id = stamp.toISOString();
      await data.facts.insert({ id, stamp });
      expect((await data.facts.get(id))?.stamp).toEqual(stamp);
    },
  );
});

describe('V7: keys that a column can not hold', () => {
  it('V7: are not there, and the reads that travel with them find their rows', async () => {
    await data.words.insert({ word: 'élan €', n: 1 });
    const asked = ['élan €', '語', '😀', 'none', '\u0081'];
    const rows = await Promise.all(asked.map((word) => data.words.get(word)));
    expect(rows.map((row) => row?.n)).toEqual([1, undefined, undefined, undefined, undefined]);
    expect(await data.words.getMany(['語', 'élan €'])).toEqual([null, { word: 'élan €', n: 1 }]);
    expect((await data.words.update('語', { n: 2 })).affected).toBe(0);
    expect((await data.words.delete('語')).affected).toBe(0);
    expect(await failureOf(data.words.insert({ word: '語', n: 1 }))).toMatchObject({
      code: 'MERIDIAN_ROW_INVALID',
      problems: [{ path: 'word' }],
    });
  });
});

describe('space at the end that a column has no room for', () => {
  const refused = (path: string) => ({ code: 'MERIDIAN_ROW_INVALID', problems: [{ path }] });

  it('is refused with its column', async () => {
    await data.short.insert({ id: 'there' });
    for (const [column, value] of [
      ['v', 'abc  '],
      ['v', 'abc\n'],
      ['v', '😀😀😀\t'],
      ['note', `${'x'.repeat(255)} `],
      ['note', `${'ü'.repeat(127)}  `],
    ] as const) {
      const row = { id: 'new', [column]: value };
      expect(await failureOf(data.short.insert(row)), value).toMatchObject(refused(column));
      expect(await failureOf(data.short.insertMany([row])), value).toMatchObject({
        code: 'MERIDIAN_ROW_INVALID',
      });
      const patch = { [column]: value };
      expect(await failureOf(data.short.update('there', patch)), value).toMatchObject(
        refused(column),
      );
    }
    expect(await data.short.get('there')).toEqual({ id: 'there', v: null, note: null });
  });

  it('is kept where there is room', async () => {
    const row = { id: 'room ', v: '😀😀 ', note: `${'ü'.repeat(127)} ` };
    await data.short.insert(row);
    expect(await data.short.get('room ', { consistency: 'primary' })).toEqual(row);
  });

  it('makes a key nobody’s', async () => {
    await data.short.insert({ id: 'abcde' });
    for (const id of ['abcde  ', 'abcde\n']) {
      expect(await failureOf(data.short.insert({ id }))).toMatchObject(refused('id'));
      expect(await data.short.get(id)).toBeNull();
      expect(await data.short.getMany([id, 'abcde'])).toMatchObject([null, { id: 'abcde' }]);
      expect((await data.short.update(id, { v: 'x' })).affected).toBe(0);
      expect((await data.short.delete(id)).affected).toBe(0);
    }
    expect(await data.short.get('abcde')).toMatchObject({ id: 'abcde' });
  });

  it('is refused by put of a reference table', async () => {
    expect(await failureOf(data.marks.put({ id: 'a', v: 'abc ' }))).toMatchObject(refused('v'));
    expect(await failureOf(data.marks.put({ id: 'abcde ', v: 'a' }))).toMatchObject(refused('id'));
    expect(await data.marks.get('abcde ')).toBeNull();
  });
});

it('V8: members of an ENUM with a backslash or quotes', async () => {
  for (const kind of ['a\\b', "it's", 'say "x"'] as const) {
    await data.facts.insert({ id: `kind ${kind}`, kind });
    expect((await data.facts.get(`kind ${kind}`))?.kind).toBe(kind);
  }
});

it('V9: a numeric enum of TypeScript', async () => {
  await data.facts.insert({ id: 'level', level: Level.High });
  expect((await data.facts.get('level'))?.level).toBe(Level.High);
});

it('A16: an owner whose UUID is written in upper and in lower case is one owner', async () => {
  const upper = '0B5E3F1C-98B0-4C2D-9D3E-2F1A4B6C8D0E';
  const first = await data.orders.insert({ owner: upper, n: 1 });
  await data.orders.insert({ owner: upper.toLowerCase(), n: 2 });
  expect(first.owner).toBe(upper.toLowerCase());
  const { shard } = data.orders.explain(upper);
  // Written by somebody who stores UUIDs in capitals.
  await cluster.sql(
    shard === 'tx-1' ? 'tx-1' : 'tx-2',
    "INSERT INTO orders VALUES ('ffffffff-0000-4000-8000-000000000000', ?, 3)",
    [upper],
  );
  for (const owner of [upper, upper.toLowerCase()]) {
    const rows = await data.orders.at(owner).list();
    expect(rows.map(({ n }) => n).sort()).toEqual([1, 2, 3]);
    expect(await data.orders.at(owner).get(first.id)).toEqual(first);
  }
});

describe('S6: insertMany', () => {
  const filled = Object.fromEntries(Array.from({ length: 255 }, (_, index) => [`c${index}`, 1]));

  it('S6: stores more values for one shard than one statement has placeholders', async () => {
    const ids = Array.from({ length: 4_000 }, (_, id) => id).filter(
      (id) => data.wide.explain(id).shard === 'tx-1',
    );
    const rows = ids.slice(0, 300).map((id) => ({ id, ...filled, note: '' }));
    expect(await data.wide.insertMany(rows, { timeoutMs: 20_000 })).toHaveLength(300);
  });

  it('S6: stores more bytes for one shard than one packet holds', async () => {
    const ids = Array.from({ length: 100 }, (_, id) => 10_000 + id).filter(
      (id) => data.wide.explain(id).shard === 'tx-1',
    );
    const note = 'x'.repeat(1_000_000);
    const rows = ids.slice(0, 30).map((id) => ({ id, ...filled, note }));
    expect(await data.wide.insertMany(rows, { timeoutMs: 20_000 })).toHaveLength(30);
  });
});
