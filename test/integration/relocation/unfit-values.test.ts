import { defineTable, RelocationError } from 'meridian';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { tables } from '../../support/tables.ts';

/** What can't arrive as it left keeps its owner where he is, and is told by its name. */

const { users } = tables;
const papers = defineTable({
  name: 'papers',
  group: users,
  ownerKey: 'user_id',
  primaryKey: 'id',
  schema: z.object({ id: z.uuid(), user_id: z.uuid() }),
  columns: { id: 'uuid-binary', user_id: 'uuid-binary' },
});
const shards = ['eu-1', 'us-1'] as const;
const bytesOf = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');

let cluster: TestCluster;
let isMariaDb = false;

beforeAll(async () => {
  cluster = await TestCluster.start();
  const [server] = await cluster.sql('eu-1', 'SELECT VERSION() AS version');
  isMariaDb = String(server?.version).includes('MariaDB');
  for (const shard of shards) {
    await cluster.sql(
      shard,
      `CREATE TABLE papers (id BINARY(16) PRIMARY KEY, user_id BINARY(16) NOT NULL, KEY (user_id),
        kind ENUM('a', 'b'), day DATE, doc JSON, nr INT UNIQUE)`,
    );
  }
});

afterAll(() => cluster.stop());

/** What came of moving an owner with one row in which SQL has set a column, and what the row holds then. */
async function moving(column: string, sql: string) {
  const { data } = await cluster.openWith({ users, papers });
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const { id } = await data.papers.insert({ user_id: user.id });
  const connection = await mysql.createConnection(cluster.cluster.shards['eu-1'].primary.adminUrl);
  try {
    await connection.query("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'");
    await connection.query(`UPDATE papers SET ${column} = ${sql} WHERE id = ?`, [bytesOf(id)]);
  } finally {
    await connection.end();
  }
  const error = await data.users.relocate(user.id, { country: 'US' }).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  const type = isMariaDb ? "''" : `JSON_TYPE(JSON_EXTRACT(doc, '$.v'))`;
  const rows = await Promise.all(
    shards.map((shard) =>
      cluster.sql(shard, `SELECT ${type} AS type FROM papers WHERE id = ?`, [bytesOf(id)]),
    ),
  );
  return { error, rows };
}

it('a value that is unique on each shard, and that another row has on the other one', async () => {
  const { data } = await cluster.openWith({ users, papers });
  const [here, there] = await data.users.insertMany([
    { country: 'DE', name: 'Ada' },
    { country: 'US', name: 'Bob' },
  ]);
  if (here === undefined || there === undefined) throw new Error('two users were stored');
  for (const { id } of [here, there]) await data.papers.insert({ user_id: id });
  for (const shard of shards) await cluster.sql(shard, 'UPDATE papers SET nr = 7 LIMIT 1');
  expect(await failureOf(data.users.relocate(here.id, { country: 'US' }))).toMatchObject({
    code: 'MERIDIAN_RELOCATION',
    reason: 'unfit',
    context: { table: 'papers', key: 'nr' },
    message: expect.stringContaining("unique key 'nr'"),
  });
  expect(await data.papers.at(here.id).list()).toHaveLength(1);
  for (const shard of shards) await cluster.sql(shard, 'DELETE FROM papers');
});

it.each([
  ['kind', "'none'"],
  ['day', "'2011-02-31'"],
])('a value of %s that would not be stored again', async (column, sql) => {
  const { error, rows } = await moving(column, sql);
  expect(error).toBeInstanceOf(RelocationError);
  expect(error).toMatchObject({
    reason: 'unfit',
    retryable: false,
    context: { table: 'papers', column },
    message: expect.stringContaining(`column '${column}' of 'papers'`),
  });
  expect(rows).toMatchObject([[{}], []]);
});

it.each([
  ['DATE', "JSON_OBJECT('v', CAST('2024-02-15' AS DATE))"],
  ['TIME', "JSON_OBJECT('v', CAST('12:30:00' AS TIME))"],
  ['DECIMAL', "JSON_OBJECT('v', CAST('1.10' AS DECIMAL(9,2)))"],
  ['BLOB', "JSON_OBJECT('v', CAST('ab' AS BINARY))"],
])('JSON that holds a %s as MySQL has it', async (type, sql) => {
  const { error, rows } = await moving('doc', sql);
  // To MariaDB JSON is text, which moves as it is.
  if (isMariaDb) {
    expect(error).toBeUndefined();
    return;
  }
  expect(error).toMatchObject({ reason: 'unfit', context: { table: 'papers', column: 'doc' } });
  expect(rows).toMatchObject([[{ type }], []]);
});

it('JSON of plain types moves', async () => {
  const plain = `'{"v": 1, "u": 18446744073709551615, "d": 0.1, "e": 1e300, "s": "ä\\\\"", "n": null, "a": [true, 1.0, -0.0]}'`;
  const { error, rows } = await moving('doc', plain);
  expect(error).toBeUndefined();
  expect(rows).toMatchObject([[], [{}]]);
});

it('a table that keeps its history', async () => {
  if (!isMariaDb) return;
  for (const shard of shards) await cluster.sql(shard, 'ALTER TABLE papers ADD SYSTEM VERSIONING');
  const { data } = await cluster.openWith({ users, papers });
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const error = await failureOf(data.users.relocate(user.id, { country: 'US' }));
  expect(error).toMatchObject({ reason: 'unfit', context: { table: 'papers' } });
});
