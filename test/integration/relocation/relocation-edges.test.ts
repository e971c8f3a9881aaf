import { decodeId, newId } from 'meridian/sharding';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { isMariadb } from '../../support/servers/server-flavor.ts';
import { createGroupTables, group } from '../../support/tables/groups.ts';

let cluster: TestCluster;
let data: Opened<typeof group>['data'];
let other: Opened<typeof group>['data'];

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createGroupTables(cluster);
  ({ data } = await cluster.openWith(group));
  ({ data: other } = await cluster.openWith(group, { region: 'us' }));
});

afterAll(() => cluster.stop());

const primary = { consistency: 'primary' } as const;
const bytesOf = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');

it('finds a row that was deleted where it had moved, and made again under its old id after the return', async () => {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const row = await data.addresses.insert({ user_id: user.id, city: 'Berlin' });
  await data.users.relocate(user.id, { country: 'US' });
  // Both remember that the row went to us.
  expect(await other.addresses.get(row.id, primary)).toEqual(row);
  await data.addresses.delete(row.id);
  await data.users.relocate(user.id, { country: 'DE' });
  await data.addresses.insert(row);
  expect(await other.addresses.get(row.id, primary)).toEqual(row);
  expect(await other.addresses.getMany([row.id], primary)).toEqual([row]);
  expect((await other.addresses.update(row.id, { city: 'Ulm' })).affected).toBe(1);
  expect((await other.addresses.delete(row.id)).affected).toBe(1);
});

it('an owner that was deleted where it had moved is not made again there under a row that says otherwise', async () => {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  await data.users.relocate(user.id, { country: 'US' });
  await data.users.delete(user.id);
  for (const layer of [data, other]) {
    const error = await failureOf(layer.users.insert(user));
    expect(error).toMatchObject({ code: 'MERIDIAN_ROUTING', outcome: 'not-applied' });
    expect(await failureOf(layer.users.insertMany([user]))).toMatchObject({
      code: 'MERIDIAN_ROUTING',
    });
  }
  expect(await cluster.sql('us-1', 'SELECT 1 FROM users WHERE id = ?', [bytesOf(user.id)])).toEqual(
    [],
  );
});

it('gives up when a row is held longer than pauseMs; the owner can be written at once', async () => {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const row = await data.addresses.insert({ user_id: user.id, city: 'Berlin' });
  const holder = await mysql.createConnection({ uri: cluster.url('eu-1') });
  await holder.beginTransaction();
  await holder.query("UPDATE addresses SET city = 'held' WHERE id = ?", [bytesOf(row.id)]);
  const error = await failureOf(data.users.relocate(user.id, { country: 'US' }, { pauseMs: 300 }));
  expect(error).toMatchObject({ reason: 'busy', retryable: true, outcome: 'not-applied' });
  expect((await data.users.update(user.id, { name: 'Ada L.' })).affected).toBe(1);
  await holder.rollback();
  await holder.end();
  expect(await data.addresses.get(row.id, primary)).toEqual(row);
  const moved = await data.users.relocate(user.id, { country: 'US' });
  expect(moved.rows).toBe(2);
});

it('announces a move although others never stop to insert', async () => {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const busy = await data.users.insert({ country: 'DE', name: 'Busy' });
  let over = false;
  const writer = async () => {
    const connection = await mysql.createConnection({ uri: cluster.url('eu-1') });
    while (!over) {
      await connection.beginTransaction();
      await connection.query('INSERT INTO addresses (id, user_id, city) VALUES (?, ?, ?)', [
        bytesOf(newId(1, 1)),
        bytesOf(busy.id),
        'x',
      ]);
      await new Promise((resolve) => setTimeout(resolve, 30));
      await connection.commit();
    }
    await connection.end();
  };
  const writers = Array.from({ length: 6 }, writer);
  const moved = await data.users.relocate(user.id, { country: 'US' }).then(
    ({ rows }) => rows,
    (error) => error,
  );
  over = true;
  await Promise.all(writers);
  expect(moved).toBe(1);
});

it('everything is read everywhere although a mover died', async () => {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const elsewhere = await data.users.insert({ country: 'US', name: 'Bob' });
  await cluster.sql(
    'eu-1',
    `INSERT INTO meridian_moves (owner_table, reversed_owner, move_id, slot, to_locator, state, changed_at)
      VALUES ('users', REVERSE(?), ?, ?, ?, 'announced', CURRENT_TIMESTAMP(6) - INTERVAL 1 MINUTE)`,
    [
      bytesOf(user.id),
      bytesOf(newId(1, 2)),
      decodeId(user.id).locator,
      decodeId(elsewhere.id).locator,
    ],
  );
  const found = await other.users.everywhere.query('SELECT name FROM users WHERE id = ?', [
    bytesOf(user.id),
  ]);
  expect(found).toHaveLength(1);
});

it('takes keys in capitals and as bytes', async () => {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const row = await data.addresses.insert({ user_id: user.id, city: 'Berlin' });
  const note = await data.notes.insert({ owner: user.id, text: 'hello', at: new Date(0) });
  await data.users.relocate(user.id.toUpperCase(), { country: 'US' });
  for (const layer of [data, other]) {
    for (const key of [user.id.toUpperCase(), user.id]) {
      expect(await layer.addresses.at(key).list()).toEqual([row]);
      expect(await layer.addresses.at(key).get(row.id.toUpperCase())).toEqual(row);
      expect(await layer.notes.at(key).list()).toEqual([note]);
      expect(await layer.notes.at(key).get(note.id)).toEqual(note);
    }
    expect((await layer.users.get(user.id.toUpperCase(), primary))?.country).toBe('US');
    const stranger = await layer.users.insert({ country: 'DE', name: 'Bob' });
    expect(await layer.addresses.at(stranger.id).get(row.id)).toBeNull();
    expect(await layer.addresses.at(user.id).get(row.id)).toEqual(row);
  }
});

it('moves 5,000 rows of one owner at once', async () => {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  await data.addresses.insertMany(
    Array.from({ length: 5_000 }, (_, index) => ({ user_id: user.id, city: `city ${index}` })),
  );
  // How long it takes is for the bench: a busy machine may need more than the pause that is usual.
  const long = { pauseMs: 20_000, timeoutMs: 60_000 };
  const moved = await data.users.relocate(user.id, { country: 'US' }, long);
  expect(moved.rows).toBe(5_001);
  const ids = (await data.addresses.at(user.id).list({ limit: 10_000 })).map(({ id }) => id);
  expect(ids).toHaveLength(5_000);
  // Nor may a process that knows of no move ask for each row, or for each owner, by itself.
  await cluster.forgetFacts();
  const cold = await cluster.openWith(group, { redis: false });
  const rows = await cold.data.addresses.getMany(ids);
  expect(rows.every((row) => row !== null)).toBe(true);
  const { data: colder } = await cluster.openWith(group, { redis: false });
  await colder.addresses.insertMany(
    Array.from({ length: 3_000 }, () => ({ user_id: user.id, city: 'more' })),
  );
  const [count] = await cluster.sql(
    'us-1',
    'SELECT COUNT(*) AS n FROM addresses WHERE user_id = ?',
    [bytesOf(user.id)],
  );
  expect(Number(count?.n)).toBe(8_000);
}, 90_000);

it('says that rows were stored when others could not be sent after their owner', async () => {
  const { proxy, url } = await cluster.proxy('eu-1');
  await cluster.forgetFacts();
  const { data: through } = await cluster.openWith(group, {
    topology: cluster.topology({ 'eu-1': url }),
    redis: false,
  });
  const gone = await data.users.insert({ country: 'DE', name: 'Gone' });
  await data.users.relocate(gone.id, { country: 'US' });
  const settled = await data.users.insert({ country: 'US', name: 'Settled' });
  const dropped = Array.from({ length: 10 }, () => proxy.dropReplyTo(/from meridian_forward/i));
  for (const { happened } of dropped) happened.catch(() => undefined);
  const error = await failureOf(
    through.addresses.insertMany(
      [
        { user_id: gone.id, city: 'a' },
        { user_id: settled.id, city: 'b' },
      ],
      { timeoutMs: 1_500 },
    ),
  );
  for (const drop of dropped) drop.undo();
  expect(error).toMatchObject({ code: 'MERIDIAN_PARTIAL_WRITE' });
  expect(await data.addresses.at(settled.id).list()).toHaveLength(1);
  expect(await data.addresses.at(gone.id).list()).toHaveLength(0);
});

it('a default isolation of READ COMMITTED changes nothing', async () => {
  for (const shard of ['eu-1', 'us-1'] as const) {
    await cluster.sql(shard, 'SET GLOBAL TRANSACTION ISOLATION LEVEL READ COMMITTED');
  }
  await cluster.forgetFacts();
  const { data: fresh } = await cluster.openWith(group);
  const user = await fresh.users.insert({ country: 'DE', name: 'Ada' });
  const inserted: string[] = [];
  let over = false;
  const inserting = (async () => {
    while (!over) {
      const work = fresh.users.at(user.id).transaction(async (trx) => {
        await trx.users.get(user.id);
        return trx.addresses.insert({ user_id: user.id, city: 'x' });
      });
      await work.then(
        ({ id }) => inserted.push(id),
        (error: { retryable?: boolean }) => {
          if (!error.retryable) throw error;
        },
      );
    }
  })();
  await fresh.users.relocate(user.id, { country: 'US' });
  over = true;
  await inserting;
  expect(await fresh.addresses.at(user.id).list({ limit: 10_000 })).toHaveLength(inserted.length);
  for (const shard of ['eu-1', 'us-1'] as const) {
    await cluster.sql(shard, 'SET GLOBAL TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  }
});

it('closes while an owner is moved, who is then in one of the two places', async () => {
  const { data: closing } = await cluster.openWith(group);
  const user = await closing.users.insert({ country: 'DE', name: 'Ada' });
  const moving = closing.users.relocate(user.id, { country: 'US' }).then(
    () => 'US',
    () => 'DE',
  );
  await closing.close({ timeoutMs: 200 });
  const country = await moving;
  expect(await other.users.get(user.id, primary)).toEqual({ ...user, country });
});

it('tells a user who may not define triggers what an administrator has to run', async () => {
  const owned = {
    user: decodeURIComponent(new URL(cluster.url('us-1')).username),
    shard: 'us-1',
  } as const;
  const fences = await cluster.sql(
    owned.shard,
    "SELECT trigger_name AS name FROM information_schema.triggers WHERE trigger_name LIKE 'meridian%'",
  );
  for (const { name } of fences) await cluster.sql(owned.shard, `DROP TRIGGER ${String(name)}`);
  // As if nobody had left it before: else it would not start without them.
  await cluster.sql(owned.shard, 'DELETE FROM meridian_moves');
  const [database] = await cluster.sql(owned.shard, 'SELECT DATABASE() AS name');
  const on = `TRIGGER ON \`${String(database?.name)}\`.*`;
  await cluster.sql(owned.shard, `REVOKE ${on} FROM '${owned.user}'@'%'`);
  const { data: barred } = await cluster.openWith(group);
  const user = await barred.users.insert({ country: 'US', name: 'Ada' });
  const error = await failureOf(barred.users.relocate(user.id, { country: 'DE' }));
  expect(error).toMatchObject({ code: 'MERIDIAN_CONFIG', outcome: 'not-applied' });
  const script =
    /DELIMITER \/\/\n(?<all>[\s\S]*)DELIMITER ;/.exec(String(error))?.groups?.all ?? '';
  const statements = script.split('//\n').filter((statement) => statement !== '');
  // Three tables: each is locked, given its triggers and unlocked.
  expect(statements).toHaveLength(15);
  const uri = cluster.cluster.shards[owned.shard].primary.adminUrl;
  const administrator = await mysql.createConnection({ uri });
  for (const statement of statements) await administrator.query(statement);
  await administrator.end();
  let allowed = barred;
  if (!isMariadb) {
    // MySQL shows triggers only to who may define them, from when a connection is opened.
    const seen = await failureOf(barred.users.relocate(user.id, { country: 'DE' }));
    expect(seen).toMatchObject({ code: 'MERIDIAN_CONFIG' });
    await cluster.sql(owned.shard, `GRANT ${on} TO '${owned.user}'@'%'`);
    ({ data: allowed } = await cluster.openWith(group));
  }
  expect(await allowed.users.relocate(user.id, { country: 'DE' })).toMatchObject({ rows: 1 });
  await cluster.sql(owned.shard, `GRANT ${on} TO '${owned.user}'@'%'`);
});

it('an owner who moves while everywhere is read is not counted twice against maxRows', async () => {
  const { data: narrow } = await cluster.openWith(group, { pool: { connections: 1 } });
  const ada = await data.users.insert({ country: 'DE', name: 'Ada of two shards' });
  const bob = await data.users.insert({ country: 'DE', name: 'Bob' });
  // The first move makes what the later ones find.
  await data.users.relocate(bob.id, { country: 'US' });
  const sql = 'SELECT name FROM users WHERE name = ?';
  const options = { maxRows: 1, timeoutMs: 10_000 };
  const all = () => narrow.users.everywhere.query(sql, ['Ada of two shards'], options);
  // What this asks about movers holds for a while.
  expect(await all()).toHaveLength(1);
  // The only connection to us is taken, so its shard is read after the owner has come there.
  const sleeping = narrow.users.at(bob.id).query('SELECT SLEEP(1.5)');
  await expect.poll(() => cluster.running('us-1', '%SLEEP(1.5)%')).toBe(1);
  const reading = all();
  await data.users.relocate(ada.id, { country: 'US' });
  expect(await cluster.running('us-1', '%SLEEP(1.5)%')).toBe(1);
  expect(await reading).toEqual([{ name: 'Ada of two shards' }]);
  await sleeping;
});
