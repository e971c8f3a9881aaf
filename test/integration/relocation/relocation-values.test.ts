import { defineTable } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { tables } from '../../support/tables.ts';

let cluster: TestCluster;
const shards = ['eu-1', 'us-1'] as const;
const bytesOf = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');

const { users } = tables;
const member = {
  group: users,
  ownerKey: 'user_id',
  primaryKey: 'id',
  schema: z.object({ id: z.uuid(), user_id: z.uuid() }),
  columns: { id: 'uuid-binary', user_id: 'uuid-binary' },
} as const;

/** Its schema knows the keys alone: the rest is for others, and moves as well. */
const oddities = defineTable({ ...member, name: 'oddities' });
const orders = defineTable({ ...member, name: 'orders' });
const profiles = defineTable({
  name: 'profiles',
  group: users,
  ownerKey: 'user_id',
  primaryKey: 'user_id',
  schema: z.object({ user_id: z.uuid(), bio: z.string().nullable() }),
  columns: { user_id: 'uuid-binary' },
});
const group = { users, profiles, orders, oddities };

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of shards) {
    await cluster.sql(
      shard,
      `CREATE TABLE profiles (user_id BINARY(16) PRIMARY KEY, bio TEXT,
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE)`,
    );
    await cluster.sql(
      shard,
      `CREATE TABLE orders (id BINARY(16) PRIMARY KEY, user_id BINARY(16) NOT NULL, parent BINARY(16),
        KEY (user_id), FOREIGN KEY (user_id) REFERENCES users (id))`,
    );
    await cluster.sql(
      shard,
      `CREATE TABLE oddities (id BINARY(16) PRIMARY KEY, user_id BINARY(16) NOT NULL, KEY (user_id),
        tiny TINYINT, big BIGINT UNSIGNED, money DECIMAL(30,10), f FLOAT, d DOUBLE, bits BIT(9),
        y YEAR, day DATE, t TIME(6), dt DATETIME(6), ts TIMESTAMP(6) NULL, c CHAR(5), vc VARCHAR(20),
        latin VARCHAR(20) CHARACTER SET latin1, txt TEXT CHARACTER SET utf8mb4, bin BINARY(4), vb VARBINARY(9), bl BLOB,
        e ENUM('a','b''c'), s SET('x','y'), j JSON, serial BIGINT AUTO_INCREMENT UNIQUE,
        doubled BIGINT AS (tiny * 2) STORED, shown BIGINT AS (tiny + 1) VIRTUAL,
        touched TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)`,
    );
  }
});

afterAll(() => cluster.stop());

const values = [
  [
    'tiny',
    'big',
    'money',
    'f',
    'd',
    'bits',
    'y',
    'day',
    't',
    'dt',
    'ts',
    'c',
    'vc',
    'latin',
    'txt',
    'bin',
    'vb',
    'bl',
    'e',
    's',
    'j',
    'serial',
    'touched',
  ],
  [
    -128,
    '18446744073709551615',
    '-12345678901234567890.0123456789',
    0.1,
    1 / 3,
    Buffer.from([1, 255]),
    2155,
    '1000-01-01',
    '-838:59:58.000001',
    '9999-12-31 23:59:59.999999',
    '2038-01-19 03:14:07.999999',
    'ab',
    ' x ',
    'Größe',
    '😀\u0000\\\'"',
    Buffer.from([0, 1, 0, 0]),
    Buffer.from([0]),
    Buffer.from('ÿ\0'),
    "b'c",
    'x,y',
    '{"b":1,"a":[null,1.0]}',
    77,
    '2001-02-03 04:05:06',
  ],
  [
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    78,
    '2001-02-03 04:05:07',
  ],
] as const;

/** Everything that the server has of a row, as it sees it. */
async function fingerprint(shard: (typeof shards)[number], id: string): Promise<unknown> {
  const columns = [...values[0], 'doubled', 'shown'];
  const rows = await cluster.sql(
    shard,
    `SELECT ${columns.map((name) => `HEX(${name === 'f' ? 'CAST(f AS DOUBLE) * 1e10' : name}) AS h_${name}, LENGTH(${name}) AS l_${name}`).join(', ')}
      FROM oddities WHERE user_id = ? ORDER BY serial`,
    [bytesOf(id)],
  );
  return rows.map((row) => ({ ...row }));
}

it('moves every column bit by bit, those that no schema knows too, past foreign keys and 1:1 members', async () => {
  const { data } = await cluster.openWith(group);
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  await data.profiles.insert({ user_id: user.id, bio: null });
  const order = await data.orders.insert({ user_id: user.id });
  await cluster.sql('eu-1', 'UPDATE orders SET parent = id');
  const [names, ...rows] = values;
  for (const row of rows) {
    const { id } = await data.oddities.insert({ user_id: user.id });
    await cluster.sql(
      'eu-1',
      `UPDATE oddities SET ${names.map((name) => `${name} = ?`).join(', ')} WHERE id = ?`,
      [...row, bytesOf(id)],
    );
  }
  const before = await fingerprint('eu-1', user.id);
  expect(await data.users.relocate(user.id, { country: 'US' })).toMatchObject({ rows: 5 });
  expect(await fingerprint('us-1', user.id)).toEqual(before);
  expect(await fingerprint('eu-1', user.id)).toEqual([]);
  expect(await data.profiles.get(user.id)).toEqual({ user_id: user.id, bio: null });
  expect(await data.profiles.update(user.id, { bio: 'moved' })).toMatchObject({ affected: 1 });
  expect(await data.orders.at(user.id).list()).toEqual([order]);
});

it('moves under any isolation level that the server starts with', async () => {
  for (const shard of shards) {
    await cluster.sql(shard, 'SET GLOBAL TRANSACTION ISOLATION LEVEL READ COMMITTED');
    // Newer releases of MariaDB start with it. MySQL takes this for a comment.
    await cluster.sql(shard, '/*M!101108 SET GLOBAL innodb_snapshot_isolation = ON */');
  }
  const { data } = await cluster.openWith(group);
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  let over = false;
  const ids: string[] = [];
  const writer = (async () => {
    while (!over) ids.push((await data.orders.insert({ user_id: user.id })).id);
  })();
  for (const country of ['US', 'DE', 'US']) await data.users.relocate(user.id, { country });
  over = true;
  await writer;
  const many = await data.orders.insertMany([{ user_id: user.id }, { user_id: user.id }]);
  ids.push(...many.map(({ id }) => id));
  const stored = await data.orders.at(user.id).list({ limit: 10_000 });
  expect(stored.map(({ id }) => id).sort()).toEqual([...ids].sort());
  for (const shard of shards) {
    await cluster.sql(shard, 'SET GLOBAL TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    await cluster.sql(shard, '/*M!101108 SET GLOBAL innodb_snapshot_isolation = DEFAULT */');
  }
});

it('gives up when the rows are held for too long, and leaves all as it was', async () => {
  const { data } = await cluster.openWith(group);
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  await data.orders.insert({ user_id: user.id });
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const holding = data.users.at(user.id).transaction(async (trx) => {
    await trx.users.update(user.id, { name: 'Held' });
    await held;
  });
  const failure = await failureOf(
    data.users.relocate(user.id, { country: 'US' }, { pauseMs: 300 }),
  );
  expect(failure).toMatchObject({ reason: 'busy', retryable: true, outcome: 'not-applied' });
  release();
  await holding;
  expect(await data.users.get(user.id)).toMatchObject({ name: 'Held', country: 'DE' });
  const unfinished = await cluster.sql(
    'eu-1',
    'SELECT 1 FROM meridian_moves WHERE reversed_owner = REVERSE(?)',
    [bytesOf(user.id)],
  );
  expect(unfinished).toEqual([]);
  await data.users.relocate(user.id, { country: 'US' });
  expect(await data.users.get(user.id)).toMatchObject({ name: 'Held', country: 'US' });
});

it('is ended by its signal, and everything is as before', async () => {
  const { data } = await cluster.openWith(group);
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const controller = new AbortController();
  const moving = failureOf(
    data.users.relocate(user.id, { country: 'US' }, { signal: controller.signal }),
  );
  await expect
    .poll(() =>
      cluster.sql('eu-1', 'SELECT 1 FROM meridian_moves WHERE reversed_owner = REVERSE(?)', [
        bytesOf(user.id),
      ]),
    )
    .toHaveLength(1);
  controller.abort();
  expect(await moving).toMatchObject({ code: 'MERIDIAN_ABORTED', outcome: 'not-applied' });
  expect(
    await cluster.sql('eu-1', 'SELECT 1 FROM meridian_moves WHERE reversed_owner = REVERSE(?)', [
      bytesOf(user.id),
    ]),
  ).toEqual([]);
  expect(await data.users.get(user.id)).toEqual(user);
});

it('a dead mover does not keep everywhere waiting', async () => {
  const { data } = await cluster.openWith(group);
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  await cluster.sql(
    'eu-1',
    `INSERT INTO meridian_moves (owner_table, reversed_owner, move_id, slot, to_locator, state, changed_at)
      VALUES ('users', REVERSE(?), ?, 1025, 2049, 'announced', NOW(6) - INTERVAL 1 MINUTE)`,
    [bytesOf(user.id), Buffer.alloc(16, 9)],
  );
  const [count] = await data.users.everywhere.query(
    'SELECT COUNT(*) AS n FROM users WHERE id = ?',
    [bytesOf(user.id)],
    { regions: ['eu'] },
  );
  expect(Number(count?.n)).toBe(1);
});

it('refuses a group whose tables do not allow it, and says what to do', async () => {
  const { data } = await cluster.openWith(group);
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  await cluster.sql('us-1', 'ALTER TABLE orders ADD COLUMN extra INT');
  expect(await failureOf(data.users.relocate(user.id, { country: 'US' }))).toMatchObject({
    reason: 'unfit',
    retryable: false,
    message: expect.stringContaining('orders'),
  });
  await cluster.sql('us-1', 'ALTER TABLE orders DROP COLUMN extra');
  await data.users.relocate(user.id, { country: 'US' });
});

it('without the system tables it does not start, and prints what creates them', async () => {
  await cluster.openWith(group);
  await cluster.sql('us-1', 'RENAME TABLE meridian_forward TO kept_aside');
  const refused = await failureOf(cluster.openWith(group, { systemTables: 'verify' }));
  expect(refused).toMatchObject({
    code: 'MERIDIAN_CONFIG',
    problems: [{ path: 'shards.us-1.primary', message: expect.stringContaining('row_table') }],
  });
  await cluster.sql('us-1', 'RENAME TABLE kept_aside TO meridian_forward');
  await cluster.openWith(group, { systemTables: 'verify' });
});
