import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Opened, type OwnCluster, TestCluster } from '../../../support/cluster.ts';
import { eventually } from '../../../support/eventually.ts';
import type { tables } from '../../../support/tables.ts';

let cluster: OwnCluster;
let opened: Opened<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.startOwn();
  opened = await cluster.open({ cache: { commandTimeoutMs: 50 } });
});

afterAll(() => cluster.stop());

const users = () => opened.data.users;

it('reads and writes go on without Redis, and its old value is never served here', async () => {
  const ada = await users().insert({ country: 'DE', name: 'Ada' });
  await users().get(ada.id);
  await cluster.cluster.redis.pause();
  const written = await users().update(ada.id, { name: 'Grace' });
  expect(written).toMatchObject({ affected: 1, invalidation: 'pending' });
  expect(await users().get(ada.id)).toMatchObject({ name: 'Grace' });
  expect(opened.events).toContainEqual(
    expect.objectContaining({ type: 'cache-invalidation', state: 'pending' }),
  );
  await cluster.cluster.redis.resume();
  for (let turn = 0; turn < 20; turn++) {
    expect(await users().get(ada.id)).toMatchObject({ name: 'Grace' });
  }
  await eventually(
    () =>
      expect(opened.events).toContainEqual(
        expect.objectContaining({ type: 'cache-invalidation', state: 'recovered' }),
      ),
    { timeout: 10_000 },
  );
  const { data: fresh } = await cluster.open();
  expect(await fresh.users.get(ada.id)).toMatchObject({ name: 'Grace' });
});

it('a write is answered by its deadline, however long Redis may take', async () => {
  const { data } = await cluster.open({ cache: { commandTimeoutMs: 600_000 } });
  const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
  await data.users.get(ada.id);
  await cluster.cluster.redis.pause();
  try {
    const written = await data.users.update(ada.id, { name: 'Grace' }, { timeoutMs: 300 });
    expect(written).toMatchObject({ affected: 1, invalidation: 'pending' });
  } finally {
    await cluster.cluster.redis.resume();
  }
  expect(await data.users.get(ada.id)).toMatchObject({ name: 'Grace' });
});

it('a Redis that was killed and restarted is used again', async () => {
  const ada = await users().insert({ country: 'DE', name: 'Ada' });
  await cluster.cluster.redis.kill();
  await eventually(async () =>
    expect(await users().update(ada.id, { name: 'Grace' })).toMatchObject({
      invalidation: 'pending',
    }),
  );
  expect(await users().get(ada.id)).toMatchObject({ name: 'Grace' });
  await cluster.cluster.redis.restart();
  await eventually(
    async () =>
      expect(await users().update(ada.id, { name: 'Grace H.' })).toMatchObject({
        invalidation: 'done',
      }),
    { timeout: 10_000 },
  );
  expect(await users().get(ada.id)).toMatchObject({ name: 'Grace H.' });
});

it('a data layer starts, works and closes while Redis is down', async () => {
  await cluster.cluster.redis.kill();
  const { data, events } = await cluster.open({ cache: { commandTimeoutMs: 20 } });
  const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
  expect(await data.users.get(ada.id)).toEqual(ada);
  await data.close();
  expect(events).toContainEqual(expect.objectContaining({ type: 'cache-fault' }));
  await cluster.cluster.redis.restart();
});
