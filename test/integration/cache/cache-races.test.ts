import { Redis } from 'ioredis';
import type { ChaosProxy } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let proxy: ChaosProxy;
let slow: Opened<typeof tables>;
let other: Opened<typeof tables>;
let redis: Redis;

beforeAll(async () => {
  cluster = await TestCluster.start();
  const { proxy: before, url } = await cluster.proxy('eu-1');
  proxy = before;
  // One process reads through a network that can be delayed, the other has its own memory.
  slow = await cluster.open({ topology: cluster.topology({ 'eu-1': url }) });
  other = await cluster.open();
  redis = new Redis(cluster.redisUrl);
});

afterAll(async () => {
  redis.disconnect();
  await cluster.stop();
});

const germans = () => slow.data.users.insert({ country: 'DE', name: 'Ada' });

/** Resolves when the statement waits in the delayed network, or was answered there. */
const loading = () =>
  eventually(() =>
    expect(slow.events.findLast(({ type }) => type !== 'cache-load')).toMatchObject({
      type: 'read-batch',
    }),
  );

it('a get after an own write sees the write', async () => {
  const { id } = await germans();
  for (let turn = 0; turn < 50; turn++) {
    await slow.data.users.get(id);
    await slow.data.users.update(id, { name: `Ada ${turn}` });
    expect(await slow.data.users.get(id)).toMatchObject({ name: `Ada ${turn}` });
  }
});

it('a get after an own write sees the write while many others read', async () => {
  const { id } = await germans();
  let written = 0;
  let stop = false;
  const readers = Array.from({ length: 8 }, async () => {
    while (!stop) {
      const least = written;
      const row = await slow.data.users.get(id);
      expect(Number(row?.name.slice(4) || 0)).toBeGreaterThanOrEqual(least);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  for (let turn = 1; turn <= 100; turn++) {
    await slow.data.users.update(id, { name: `Ada ${turn}` });
    written = turn;
  }
  stop = true;
  await Promise.all(readers);
});

it('a row that is deleted while it is loaded is never served again, from here or from Redis', async () => {
  for (let turn = 0; turn < 5; turn++) {
    const { id } = await germans();
    const late = proxy.latency(30);
    const load = slow.data.users.get(id);
    await loading();
    // Deleted past the proxy, so that the delete overtakes the load's reply.
    await other.data.users.delete(id);
    // This process is told as well, as by its own write.
    const told = slow.data.users.at(id).execute('UPDATE users SET name = name WHERE id = ?', [''], {
      touches: { users: [id] },
      scope: 'shard',
    });
    await load;
    late.undo();
    await told;
    expect(await slow.data.users.get(id)).toBeNull();
    expect(await other.data.users.get(id)).toBeNull();
    const { data: fresh } = await cluster.open();
    expect(await fresh.users.get(id)).toBeNull();
    await fresh.close();
  }
});

it('a load begun before an invalidation is not joined by a get after it', async () => {
  const { id } = await germans();
  const late = proxy.latency(30);
  const before = slow.data.users.get(id);
  await loading();
  const write = slow.data.users.update(id, { name: 'Grace' });
  await write;
  const after = slow.data.users.get(id);
  late.undo();
  await before;
  expect(await after).toMatchObject({ name: 'Grace' });
});

it('"there is no such row" is forgotten when the row is inserted', async () => {
  const { id, ...row } = await germans();
  await slow.data.users.delete(id);
  expect(await slow.data.users.get(id)).toBeNull();
  await slow.data.users.insert({ id, ...row });
  expect(await slow.data.users.get(id)).toMatchObject({ name: 'Ada' });
  await slow.data.users.delete(id);
  expect(await slow.data.users.get(id)).toBeNull();
  await slow.data.users.insertMany([{ id, ...row }]);
  expect(await slow.data.users.get(id)).toMatchObject({ name: 'Ada' });
});

it('a transaction invalidates on commit, and not when it rolls back', async () => {
  const { id } = await germans();
  await slow.data.users.get(id);
  const own = new Error('no');
  const rolledBack = slow.data.users.at(id).transaction(async (trx) => {
    await trx.users.update(id, { name: 'never' });
    throw own;
  });
  expect(await failureOf(rolledBack)).toBe(own);
  const from = slow.events.length;
  expect(await slow.data.users.get(id)).toMatchObject({ name: 'Ada' });
  expect(slow.events.slice(from)).toContainEqual(
    expect.objectContaining({ type: 'cache', result: 'memory' }),
  );
  await slow.data.users.at(id).transaction((trx) => trx.users.update(id, { name: 'Grace' }));
  expect(await slow.data.users.get(id)).toMatchObject({ name: 'Grace' });
});

it('a caller who leaves takes no other caller along, whenever that one came', async () => {
  const { id } = await germans();
  for (let steps = 0; steps < 40; steps++) {
    await slow.data.users.update(id, { name: `Ada ${steps}` });
    const controller = new AbortController();
    const leaving = slow.data.users.get(id, { signal: controller.signal });
    const left = failureOf(leaving).catch(() => undefined);
    await loading();
    controller.abort();
    for (let step = 0; step < steps; step++) await undefined;
    await expect(slow.data.users.get(id), `after ${steps} microtasks`).resolves.toMatchObject({
      name: `Ada ${steps}`,
    });
    await left;
  }
});

it('garbage in Redis is a miss', async () => {
  const { id } = await germans();
  await other.data.users.get(id);
  const keys = () => redis.keys('meridian:*:people:users:*');
  await eventually(async () => expect((await keys()).join()).toContain(id));
  for (const key of await keys()) await redis.set(key, 'm1|garbage');
  const { data: fresh } = await cluster.open();
  expect(await fresh.users.get(id)).toMatchObject({ name: 'Ada' });
  for (const key of await keys()) {
    const text = (await redis.get(key)) ?? '';
    await redis.set(key, text.replace(/"name":"[^"]*"/, '"name":42'));
  }
  const { data: second } = await cluster.open();
  expect(await second.users.get(id)).toMatchObject({ name: 'Ada' });
});
