import { defineTable } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { type Opened, TestCluster } from '../support/cluster.ts';
import { createGroupTables, group } from '../support/groups.ts';
import { tables } from '../support/tables.ts';

const shards = ['eu-1', 'us-1'] as const;
let cluster: TestCluster;
let watcher: Opened<typeof group>['data'];

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createGroupTables(cluster);
  for (const shard of shards) {
    await cluster.sql(
      shard,
      `CREATE TABLE things (id BINARY(16) PRIMARY KEY, user_id BINARY(16) NOT NULL, KEY (user_id),
        legacy INT, total INT GENERATED ALWAYS AS (legacy + 1) STORED, kept VARCHAR(40) DEFAULT 'default',
        kind ENUM('a', 'b''c') , tags SET('x', 'y'), clock TIME(6), seen TIMESTAMP(6) NULL, bits BIT(12), born YEAR,
        ratio FLOAT, exact DOUBLE, big BIGINT UNSIGNED, amount DECIMAL(65, 30), doc JSON, body LONGTEXT,
        old VARCHAR(50) CHARACTER SET latin1, raw VARBINARY(50), day DATE, moment DATETIME(6), fixed CHAR(5), pad BINARY(4))`,
    );
  }
  ({ data: watcher } = await cluster.openWith(group, { region: 'us' }));
});

afterAll(() => cluster.stop());

const bytesOf = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');

async function whereIs(id: string): Promise<string> {
  const found = await Promise.all(
    shards.map(async (shard) => {
      const [row] = await cluster.sql(
        shard,
        'SELECT (SELECT COUNT(*) FROM users WHERE id = ?) + (SELECT COUNT(*) FROM addresses WHERE user_id = ?) AS n',
        [bytesOf(id), bytesOf(id)],
      );
      return Number(row?.n);
    }),
  );
  return found.join('/');
}

it.each([
  ['us-1', /^commit/i],
  ['us-1', /^.{0,80}insert.*into `?users/i],
  ['us-1', /^select count/i],
  ['us-1', /^insert into meridian_settlement.*applied/i],
  ['eu-1', /^commit/i],
  ['eu-1', /^begin/i],
  ['eu-1', /crossing = 1, /i],
  ['eu-1', /crossing = 0, /i],
  ['eu-1', /^insert into meridian_forward/i],
  ['eu-1', /state = 'moved', changed/i],
  ['eu-1', /^insert into meridian_moves.*'announced'/i],
] as const)('the reply of %s to %s is lost', async (shard, pattern) => {
  const { proxy, url } = await cluster.proxy(shard);
  const { data } = await cluster.openWith(group, { topology: cluster.topology({ [shard]: url }) });
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const row = await data.addresses.insert({ user_id: user.id, city: 'Berlin' });
  // The tables' fences are not what is tested.
  const before = await data.users.insert({ country: 'DE', name: 'Bob' });
  await data.users.relocate(before.id, { country: 'US' });
  const dropped = proxy.dropReplyTo(pattern);
  dropped.happened.catch(() => undefined);
  const startedAt = performance.now();
  const outcome = await data.users.relocate(user.id, { country: 'US' }).then(
    () => 'moved',
    (error) => {
      expect(error).toMatchObject({ reason: 'busy', retryable: true, outcome: 'not-applied' });
      return 'refused';
    },
  );
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  dropped.undo();
  expect(await whereIs(user.id)).toBe(outcome === 'moved' ? '0/2' : '2/0');
  const country = outcome === 'moved' ? 'US' : 'DE';
  expect(await watcher.users.get(user.id)).toEqual({ ...user, country });
  expect((await watcher.addresses.update(row.id, { city: 'Ulm' })).affected).toBe(1);
  expect((await watcher.users.everywhere.query('SELECT id FROM users')).length).toBeGreaterThan(0);
  if (outcome === 'refused') {
    expect(await data.users.relocate(user.id, { country: 'US' })).toMatchObject({ rows: 2 });
  }
  await data.close();
});

it('a caller who goes away leaves nothing half done', async () => {
  const { data } = await cluster.openWith(group);
  for (const ms of [0, 5, 100, 400, 545, 555, 560, 565, 570, 580]) {
    const user = await data.users.insert({ country: 'DE', name: 'Ada' });
    await data.addresses.insert({ user_id: user.id, city: 'Berlin' });
    const aborting = new AbortController();
    const timer = setTimeout(() => aborting.abort(), ms);
    const outcome = await data.users
      .relocate(user.id, { country: 'US' }, { signal: aborting.signal })
      .then(
        () => 'moved',
        () => 'refused',
      );
    clearTimeout(timer);
    await expect.poll(() => whereIs(user.id)).toBe(outcome === 'moved' ? '0/2' : '2/0');
    expect((await watcher.users.update(user.id, { name: 'x' })).affected).toBe(1);
  }
}, 60_000);

it('moves an owner without Redis', async () => {
  const { proxy, url } = await cluster.proxy('redis');
  const { data } = await cluster.openWith(group, { redis: url });
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  await data.users.get(user.id);
  proxy.blackHole();
  const moved = await data.users.relocate(user.id, { country: 'US' });
  expect(moved).toMatchObject({ rows: 1, invalidation: 'pending' });
  expect((await data.users.get(user.id))?.country).toBe('US');
  proxy.heal();
});

it('copies bit by bit what the schema does not know', async () => {
  const things = {
    users: tables.users,
    things: defineTable({
      name: 'things',
      group: tables.users,
      ownerKey: 'user_id',
      primaryKey: 'id',
      schema: z.object({ id: z.uuid(), user_id: z.uuid() }),
      columns: { id: 'uuid-binary', user_id: 'uuid-binary' },
    }),
  };
  const { data } = await cluster.openWith(things);
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const rows = await data.things.insertMany(
    Array.from({ length: 3 }, () => ({ user_id: user.id })),
  );
  const [full, negative] = rows;
  if (!full || !negative) throw new Error('three rows were inserted');
  await cluster.sql(
    'eu-1',
    `UPDATE things SET legacy = 7, kept = NULL, kind = 'b''c', tags = 'x,y', clock = '-838:59:58.999999',
      seen = '2031-01-02 03:04:05.678901', bits = b'101010101011', born = 1999, ratio = 0.1, exact = 1e-308,
      big = 18446744073709551615, amount = 12345678901234567890123456789012345.123456789012345678901234567891,
      doc = '{"a": [1, 2.50, "ü"]}', body = 'emoji 😀 ''quoted'' \\\\ back', old = CONVERT(X'E4F6' USING latin1), raw = X'00FF80',
      day = '9999-12-31', moment = '1000-01-01 00:00:00.000001', fixed = 'a b', pad = X'0100' WHERE id = ?`,
    [bytesOf(full.id)],
  );
  await cluster.sql(
    'eu-1',
    "UPDATE things SET ratio = -3.4e38, exact = -0.0, clock = '00:00:00', kind = 'a', tags = '', doc = 'null', body = '', old = '', raw = '', day = '2000-02-29', fixed = '', legacy = -1 WHERE id = ?",
    [bytesOf(negative.id)],
  );
  const all = async (shard: (typeof shards)[number]) =>
    JSON.stringify(
      await cluster.sql(
        shard,
        'SELECT t.*, HEX(old), HEX(raw), HEX(bits), ratio + 0e0, HEX(doc), HEX(pad) FROM things t WHERE user_id = ? ORDER BY id',
        [bytesOf(user.id)],
      ),
    );
  const before = await all('eu-1');
  expect(await data.users.relocate(user.id, { country: 'US' })).toMatchObject({ rows: 4 });
  expect(await all('us-1')).toBe(before);
  await data.users.relocate(user.id, { country: 'DE' });
  expect(await all('eu-1')).toBe(before);
});
