import type { MeridianEvent } from 'meridian';
import { decodeId, newId } from 'meridian/sharding';
import type { ChaosProxy } from 'meridian/testing';
import mysql, { type Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { createGroupTables, group } from '../../support/tables/groups.ts';

let cluster: TestCluster;
let proxy: ChaosProxy;
let opened: Opened<typeof group>;
let holder: Connection;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createGroupTables(cluster);
  const before = await cluster.proxy('eu-1');
  proxy = before.proxy;
  opened = await cluster.openWith(group, {
    topology: cluster.topology({ 'eu-1': before.url }),
    breaker: { failures: 1_000, stallMs: 10_000 },
  });
  holder = await mysql.createConnection(cluster.cluster.shards['eu-1'].primary.adminUrl);
  // The first move makes what the later ones find.
  const { id } = await opened.data.users.insert({ country: 'DE', name: 'First' });
  await opened.data.users.relocate(id, { country: 'US' });
});

afterAll(async () => {
  proxy?.heal();
  await holder?.end();
  await cluster.stop();
});

const bytesOf = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');

it('an announcement that its mover gave up and that lands later keeps nobody from moving the owner', async () => {
  const { data, events } = opened;
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  // Connections for what comes after the one that is lost.
  const sleep = () => data.users.at(user.id).query('SELECT SLEEP(0.05)');
  await Promise.all([sleep(), sleep(), sleep()]);
  await holder.query('BEGIN');
  await holder.query(
    "SELECT 1 FROM meridian_moves WHERE owner_table = 'users' AND reversed_owner = REVERSE(?) FOR UPDATE",
    [bytesOf(user.id)],
  );
  const moving = failureOf(data.users.relocate(user.id, { country: 'US' }, { pauseMs: 300 }));
  await expect.poll(() => cluster.running('eu-1', 'insert into meridian_moves%')).toBe(1);
  // Whom the mover asks to end the statement can't be reached, so it goes on to wait.
  proxy.refuse();
  const isFault = ({ type }: MeridianEvent) => type === 'endpoint-fault';
  await expect.poll(() => events.filter(isFault).length).toBeGreaterThan(0);
  await holder.query('COMMIT');
  await expect.poll(() => cluster.running('eu-1', 'insert into meridian_moves%')).toBe(0);
  proxy.heal();
  expect(await moving).toMatchObject({ reason: 'busy', retryable: true, outcome: 'not-applied' });
  expect(await data.users.relocate(user.id, { country: 'US' })).toMatchObject({ rows: 1 });
}, 30_000);

it('a caller whose time is over does not wait until its announcement is taken back', async () => {
  const { data } = opened;
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  await holder.query('BEGIN');
  await holder.query(
    "SELECT 1 FROM meridian_moves WHERE owner_table = 'users' AND reversed_owner = REVERSE(?) FOR UPDATE",
    [bytesOf(user.id)],
  );
  const times = { pauseMs: 300, timeoutMs: 1_500 };
  const moving = failureOf(data.users.relocate(user.id, { country: 'US' }, times));
  await expect.poll(() => cluster.running('eu-1', 'insert into meridian_moves%')).toBe(1);
  proxy.refuse();
  expect(await moving).toMatchObject({ reason: 'busy', retryable: true, outcome: 'not-applied' });
  expect(await cluster.running('eu-1', 'insert into meridian_moves%')).toBe(1);
  await holder.query('COMMIT');
  proxy.heal();
  // What goes on by itself takes it back well before its mover is taken for dead.
  await expect
    .poll(
      () =>
        cluster.sql('eu-1', 'SELECT state FROM meridian_moves WHERE reversed_owner = REVERSE(?)', [
          bytesOf(user.id),
        ]),
      { timeout: 8_000 },
    )
    .toEqual([]);
  expect(await data.users.relocate(user.id, { country: 'US' })).toMatchObject({ rows: 1 });
}, 30_000);

it('what is being taken back is taken back by the next who comes', async () => {
  const { data } = opened;
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const elsewhere = await data.users.insert({ country: 'US', name: 'Bob' });
  await cluster.sql(
    'eu-1',
    `INSERT INTO meridian_moves (owner_table, reversed_owner, move_id, slot, to_locator, state)
      VALUES ('users', REVERSE(?), ?, ?, ?, 'reversing')`,
    [
      bytesOf(user.id),
      bytesOf(newId(1, 2)),
      decodeId(user.id).locator,
      decodeId(elsewhere.id).locator,
    ],
  );
  expect(await data.users.relocate(user.id, { country: 'US' })).toMatchObject({ rows: 1 });
});
