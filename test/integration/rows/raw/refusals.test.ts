import { type DataLayer, defineTable, RoutingError, RowError, RowUnreadableError } from 'meridian';
import { uuidToBytes } from 'meridian/sharding';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { accountOn, failureOf, TestCluster } from '../../../support/cluster.ts';
import { tables } from '../../../support/tables.ts';

/** What raw SQL would do to rows, connections or answers that nobody meant. */

const notes = defineTable({
  name: 'notes',
  keyspace: 'people',
  primaryKey: 'id',
  place: () => ({ region: 'eu' }),
  schema: z.object({ id: z.uuid(), text: z.string() }),
});
const own = { ...tables, notes };

let cluster: TestCluster;
let data: DataLayer<typeof own>;
let account: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await cluster.sql(
    'tx-1',
    'CREATE TABLE numbered (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, who VARCHAR(64))',
  );
  for (const shard of ['eu-1', 'us-1'] as const) {
    await cluster.sql(
      shard,
      'CREATE TABLE notes (id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, text VARCHAR(100) NOT NULL)',
    );
  }
  ({ data } = await cluster.openWith(own));
  account = accountOn('tx-1', data.transactions);
});

beforeEach(() => cluster.sql('tx-1', 'DELETE FROM transactions'));
afterAll(() => cluster.stop());

const shard = () => data.transactions.at(account);
const stored = async () => (await cluster.sql('tx-1', 'SELECT * FROM numbered')).length;

describe('a change', () => {
  it('A4, S3: that gives rows is not sent', async () => {
    const before = await stored();
    const sql = 'INSERT INTO numbered (who) VALUES (?) RETURNING id';
    expect(await failureOf(shard().execute(sql, [account]))).toBeInstanceOf(RoutingError);
    const inside = shard().transaction((trx) => trx.execute(sql, [account]));
    expect(await failureOf(inside)).toBeInstanceOf(RoutingError);
    expect(await stored()).toBe(before);
  });

  it('S4: tells the number that the server gave its row', async () => {
    const sql = 'INSERT INTO numbered (who) VALUES (?), (?)';
    const { affected, insertId } = await shard().execute(sql, [account, account]);
    expect(affected).toBe(2);
    const ids = await shard().query('SELECT id FROM numbered ORDER BY id DESC LIMIT 2');
    expect(ids.map(({ id }) => id)).toEqual([String((insertId ?? 0n) + 1n), String(insertId)]);
    const inside = await shard().transaction((trx) => trx.execute(sql, [account, account]));
    expect(inside.insertId).toBeGreaterThan(insertId ?? 0n);
    const update = 'UPDATE numbered SET who = who WHERE who = ?';
    expect((await shard().execute(update, [account])).insertId).toBeUndefined();
    const counter = 'UPDATE numbered SET id = LAST_INSERT_ID(id) WHERE who = ? AND id = ?';
    expect((await shard().execute(counter, [account, insertId ?? null])).insertId).toBe(insertId);
  });

  it('S4: whose number is beyond what doubles hold is exact', async () => {
    const id = 2n ** 63n + 5n;
    const insert = 'INSERT INTO numbered (id, who) VALUES (?, ?)';
    expect((await shard().execute(insert, [id, account])).insertId).toBe(id);
    await shard().execute('DELETE FROM numbered WHERE id = ? AND who = ?', [id, account]);
  });

  it('S8: needs its owner among the parameters, or says that it is for the shard', async () => {
    const other = accountOn('tx-1', data.transactions, 'other');
    const [mine] = await data.transactions.insertMany([
      { account_id: account, cents: 1n },
      { account_id: other, cents: 1n },
    ]);
    const all = 'UPDATE transactions SET cents = cents + 1';
    const left = () => cluster.sql('tx-1', 'SELECT SUM(cents) AS sum FROM transactions');
    for (const work of [
      () => shard().execute(all),
      () => shard().execute(`${all} WHERE account_id = ?`, [other]),
      () => shard().execute('DELETE FROM transactions WHERE cents > ?', [0]),
      () => shard().execute("INSERT INTO numbered (who) VALUES ('x')"),
      () => shard().execute('TRUNCATE TABLE transactions'),
      () => shard().transaction((trx) => trx.execute(all)),
      () => shard().transaction((trx) => trx.savepoint((nested) => nested.execute(all))),
    ]) {
      expect(await failureOf(work())).toMatchObject({
        code: 'MERIDIAN_ROUTING',
        message: expect.stringContaining("{ scope: 'shard' }"),
      });
    }
    expect(await left()).toEqual([{ sum: '2' }]);
    expect(await failureOf(shard().execute(`${all} WHERE account_id = ?`, [other]))).toMatchObject({
      message: expect.stringContaining('`account_id` = ?'),
    });
    const id = mine?.id ?? '';
    for (const [sql, param] of [
      [`${all} WHERE account_id = ?`, account],
      [`${all} WHERE id = ?`, id],
    ] as const) {
      expect((await shard().execute(sql, [param])).affected).toBe(1);
      const inside = await shard().transaction((trx) => trx.execute(sql, [param]));
      expect(inside.affected).toBe(1);
    }
    const byRow = data.transactions.at(id);
    expect((await byRow.execute(`${all} WHERE account_id = ?`, [account])).affected).toBe(1);
    expect((await shard().execute(all, [], { scope: 'shard' })).affected).toBe(2);
    const whole = await shard().transaction((trx) => trx.execute(all, [], { scope: 'shard' }));
    expect(whole.affected).toBe(2);
    const misspelt = JSON.parse('{"scope":"shards"}');
    expect(await failureOf(shard().execute(all, [], misspelt))).toMatchObject({
      code: 'MERIDIAN_CONFIG',
    });
  });

  it('S8: takes no number for a text, and nothing that stands elsewhere by chance', async () => {
    const one = data.transactions.at('7');
    const changes: [string, (string | number | bigint)[]][] = [
      ['DELETE FROM transactions WHERE account_id = ?', [7]],
      ['DELETE FROM transactions WHERE account_id IN (?)', [7n]],
      ['UPDATE transactions SET cents = ?', ['7']],
      ['UPDATE transactions SET account_id = ?', ['7']],
      ['DELETE FROM transactions LIMIT ?', ['7']],
    ];
    for (const [sql, params] of changes) {
      const inside = () => one.transaction((trx) => trx.execute(sql, params));
      for (const run of [() => one.execute(sql, params), inside]) {
        expect(await failureOf(run())).toMatchObject({ code: 'MERIDIAN_ROUTING' });
      }
    }
    const { affected } = await one.execute('DELETE FROM transactions WHERE account_id = ?', ['7']);
    expect(affected).toBe(0);
  });

  it('S8: names an owner by text and by bytes', async () => {
    const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
    const sql = 'UPDATE users SET name = ? WHERE id = ?';
    const touches = { users: [id] };
    const changed = await data.users.at(id).execute(sql, ['Eve', uuidToBytes(id)], { touches });
    expect(changed.affected).toBe(1);
    const byText = 'UPDATE users SET name = ? WHERE LOWER(HEX(id)) = REPLACE(?, "-", "")';
    expect((await data.users.at(id).execute(byText, ['Eva', id], { touches })).affected).toBe(1);
    await cluster.sql('eu-1', 'DELETE FROM users');
  });
});

describe('a read', () => {
  it.each([
    'SELECT LAST_INSERT_ID()',
    'SELECT LAST_INSERT_ID(77)',
    'SELECT FOUND_ROWS()',
    'SELECT id FROM transactions FOR UPDATE',
    'SHOW WARNINGS',
  ])('S4, S11, Z9: %s is not sent by itself', async (sql) => {
    expect(await failureOf(shard().query(sql))).toBeInstanceOf(RoutingError);
    expect(await failureOf(shard().stream(sql).next())).toBeInstanceOf(RoutingError);
    expect(await failureOf(data.transactions.everywhere.query(sql))).toBeInstanceOf(RoutingError);
  });

  it('S4, S11: has its session and its locks in a transaction', async () => {
    const id = await shard().transaction(async (trx) => {
      const { insertId } = await trx.execute('INSERT INTO numbered (who) VALUES (?)', [account]);
      const [row] = await trx.query('SELECT LAST_INSERT_ID() AS id FROM numbered FOR UPDATE');
      expect(String(row?.id)).toBe(String(insertId));
      return insertId;
    });
    expect(id).toBeGreaterThan(0n);
  });

  it('S5: with equal column names is refused by name, also without rows', async () => {
    const join = 'SELECT * FROM transactions a JOIN transactions b ON a.id = b.id';
    const refused = { code: 'MERIDIAN_ROW_UNREADABLE', message: expect.stringContaining("'id'") };
    for (const work of [
      () => shard().query(join),
      () => shard().stream(join).next(),
      () => shard().transaction((trx) => trx.query(join)),
      () => data.transactions.everywhere.query(join),
    ]) {
      const error = await failureOf(work());
      expect(error).toBeInstanceOf(RowUnreadableError);
      expect(error).toMatchObject(refused);
    }
    expect(
      await shard().query('SELECT a.id AS a, b.id AS b FROM transactions a, transactions b'),
    ).toEqual([]);
  });

  it.each(['SELECT 1 AS `__proto__`', "SELECT '__proto__'", 'SELECT 1 AS __proto__'])(
    'S10, Z7: %s is refused, and harms nobody',
    async (sql) => {
      for (let turn = 0; turn < 5; turn++) {
        expect(await failureOf(shard().query(sql))).toBeInstanceOf(RoutingError);
      }
      expect(await shard().query('SELECT ? AS name', ['__proto__'])).toEqual([
        { name: '__proto__' },
      ]);
    },
  );
});

describe('a parameter', () => {
  it('S12: that is a whole number is an integer to the server', async () => {
    await data.transactions.insertMany(
      [1n, 2n, 3n].map((cents) => ({ account_id: account, cents })),
    );
    const sql = 'SELECT cents FROM transactions WHERE account_id = ? ORDER BY cents LIMIT ?';
    expect(await shard().query(sql, [account, 2])).toEqual([{ cents: '1' }, { cents: '2' }]);
    const [typed] = await shard().query('SELECT 7 DIV 2 AS a, ? AS b, ? AS c, ? AS d', [
      Number.MAX_SAFE_INTEGER,
      -3,
      0.5,
    ]);
    expect(typed).toMatchObject({ b: String(Number.MAX_SAFE_INTEGER), d: 0.5 });
  });

  it('Z10: that is half of a character is refused on every path', async () => {
    const half = ['\ud800'];
    const sql = 'SELECT ? AS half';
    for (const work of [
      () => shard().query(sql, half),
      () => shard().stream(sql, half).next(),
      () =>
        data.transactions.everywhere.query(
          'SELECT id FROM transactions WHERE account_id = ?',
          half,
        ),
      () => shard().transaction((trx) => trx.query(sql, half)),
      () => shard().execute('UPDATE numbered SET who = ?', half, { scope: 'shard' }),
    ]) {
      const error = await failureOf(work());
      expect(error).toBeInstanceOf(RowError);
      expect(error).toMatchObject({
        outcome: 'not-applied',
        message: expect.stringContaining('[0]'),
      });
    }
  });

  it('V12: that is the text of a UUID does not meet a column of 16 bytes', async () => {
    const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
    const note = await data.notes.insert({ text: id });
    const at = data.users.at(id);
    for (const sql of [
      'SELECT name FROM users WHERE id = ?',
      'SELECT name FROM users WHERE ? = users.id',
      'SELECT name FROM users u WHERE u.`id` IN (?)',
      'SELECT name FROM users WHERE id > ? ORDER BY id LIMIT 1',
      'SELECT name FROM users WHERE (id) > (?)',
      'SELECT name FROM users WHERE id BETWEEN ? AND 0xff',
      'SELECT u.name FROM users u JOIN notes n ON u.id = ? AND n.id <> 0',
    ]) {
      for (const work of [
        () => at.query(sql, [id]),
        () => at.stream(sql, [id]).next(),
        () => data.users.everywhere.query(sql.replace(/ORDER.*/, ''), [id]),
        () => at.transaction((trx) => trx.query(sql, [id])),
      ]) {
        const error = await failureOf(work());
        expect(error, sql).toBeInstanceOf(RowError);
        expect(error).toMatchObject({ message: expect.stringMatching(/users\.id.*uuidToBytes/) });
      }
    }
    const insert = 'INSERT INTO users (name, id, country) VALUES (?, ?, ?)';
    const write = at.execute(insert, ['Eve', id, 'DE'], { touches: 'none' });
    expect(await failureOf(write)).toBeInstanceOf(RowError);
    // Where it may be text, it is text.
    const found = await at.query('SELECT n.id FROM users u JOIN notes n ON n.text = ?', [id]);
    expect(found).toEqual([{ id: note.id }]);
    expect(await at.query('SELECT text FROM notes WHERE id = ?', [note.id])).toEqual([
      { text: id },
    ]);
    expect(await at.query('SELECT name FROM users WHERE id = ?', [uuidToBytes(id)])).toHaveLength(
      1,
    );
    const page = await at.list({ after: id });
    expect(page).toEqual([]);
  });
});
