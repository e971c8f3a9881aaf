import { type DataLayer, DuplicateKeyError } from 'meridian';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import {
  cachedMembers,
  clearMembers,
  createMembers,
  directoryEntries,
  directoryKey,
  marks,
  nobody,
} from '../../support/tables/members.ts';

let cluster: TestCluster;
let data: DataLayer<{ members: typeof cachedMembers }>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createMembers(cluster);
  ({ data } = await cluster.openWith(
    { members: cachedMembers },
    { directory: { keyspace: 'ledger', keys: [directoryKey], sweepMs: false } },
  ));
});

afterAll(() => cluster.stop());
beforeEach(() => clearMembers(cluster));

async function expectSettled(entries: number): Promise<void> {
  const found = await directoryEntries(cluster);
  expect(found.map(({ state }) => state)).toEqual(Array(entries).fill('confirmed'));
  expect(await marks(cluster)).toBe(0);
}

it('what a transaction wrote is found once it has committed', async () => {
  const ada = await data.members.insert({ ...nobody, phone: '+1' });
  expect(await data.members.by('handle', 'bob').get()).toBeNull();
  const bob = await data.members.at(ada.id).transaction(async (trx) => {
    const row = await trx.members.insert({ ...nobody, handle: 'bob' });
    await trx.members.update(ada.id, { phone: '+2' });
    expect(await data.members.by('handle', 'bob').get({ consistency: 'primary' })).toBeNull();
    return row;
  });
  expect(await data.members.by('handle', 'bob').get()).toEqual(bob);
  expect(await data.members.get(bob.id)).toEqual(bob);
  expect(await data.members.by('phone', '+1').get()).toBeNull();
  expect(await data.members.by('phone', '+2').get()).toMatchObject({ id: ada.id });
  await expectSettled(2);
});

it('a transaction that is rolled back leaves the directory as it was', async () => {
  const ada = await data.members.insert({ ...nobody, phone: '+1' });
  const own = new Error('changed its mind');
  const work = data.members.at(ada.id).transaction(async (trx) => {
    await trx.members.insert({ ...nobody, handle: 'eve' });
    await trx.members.delete(ada.id);
    throw own;
  });
  expect(await failureOf(work)).toBe(own);
  expect(await data.members.by('phone', '+1').get()).toEqual(ada);
  expect(await data.members.by('handle', 'eve').get()).toBeNull();
  await expectSettled(1);
});

it('a transaction may catch a duplicate and go on', async () => {
  const ada = await data.members.insert({ ...nobody, phone: '+1', handle: 'ada' });
  await data.members.at(ada.id).transaction(async (trx) => {
    const bob = await trx.members.insert({ ...nobody, phone: '+3' });
    const taken = trx.members.insert({ ...nobody, handle: 'ADA', serial: 4 });
    expect(await failureOf(taken)).toBeInstanceOf(DuplicateKeyError);
    const again = trx.members.insert({ ...bob, name: 'again' });
    expect(await failureOf(again)).toBeInstanceOf(DuplicateKeyError);
    const move = trx.members.update(bob.id, { phone: '+5', handle: 'ada' });
    expect(await failureOf(move)).toBeInstanceOf(DuplicateKeyError);
  });
  expect(await data.members.by('phone', '+3').get()).not.toBeNull();
  for (const [column, value] of [['phone', '+5'] as const, ['serial', 4] as const]) {
    expect(await data.members.by(column, value).get()).toBeNull();
  }
  await expectSettled(3);
});

it('a transaction may change its mind about a value', async () => {
  const ada = await data.members.insert({ ...nobody, phone: '+1' });
  await data.members.at(ada.id).transaction(async (trx) => {
    await trx.members.update(ada.id, { phone: '+2' });
    await trx.members.update(ada.id, { phone: '+1' });
    const bob = await trx.members.insert({ ...nobody, phone: '+3' });
    await trx.members.update(bob.id, { phone: '+4' });
    await trx.members.delete(bob.id);
    await trx.members.insert({ ...nobody, phone: '+3' });
  });
  expect(await data.members.by('phone', '+1').get()).toMatchObject({ id: ada.id });
  expect(await data.members.by('phone', '+2').get()).toBeNull();
  expect(await data.members.by('phone', '+3').get()).toMatchObject({ name: 'Nobody' });
  expect(await data.members.by('phone', '+4').get()).toBeNull();
  await expectSettled(2);
});

it('a value that a transaction gives up is free only when it has ended', async () => {
  const ada = await data.members.insert({ ...nobody, phone: '+1' });
  const work = data.members.at(ada.id).transaction(async (trx) => {
    await trx.members.update(ada.id, { phone: null });
    await trx.members.insert({ ...nobody, phone: '+1' });
  });
  expect(await failureOf(work)).toBeInstanceOf(DuplicateKeyError);
  expect(await data.members.by('phone', '+1').get()).toEqual(ada);
  await expectSettled(1);
});

it('a transaction is not committed when a statement failed whose claims could not be given back', async () => {
  const ada = await data.members.insert({ ...nobody, phone: '+1' });
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      `CREATE TRIGGER no_confirm BEFORE UPDATE ON meridian_directory FOR EACH ROW
        IF NEW.state = 'confirmed' THEN SIGNAL SQLSTATE '45000'; END IF`,
    );
  }
  const work = data.members.at(ada.id).transaction(async (trx) => {
    await failureOf(trx.members.update(ada.id, { phone: '+2', name: 'too-long'.repeat(20) }));
    await trx.members.insert({ ...nobody, phone: '+3' });
  });
  expect(await failureOf(work)).toMatchObject({ outcome: 'not-applied' });
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(shard, 'DROP TRIGGER no_confirm');
    await cluster.sql(shard, 'UPDATE meridian_directory SET changed_at = NOW(6) - INTERVAL 1 DAY');
  }
  expect(await data.directory.sweep()).toMatchObject({ applied: 0, pending: 0 });
  expect(await data.members.by('phone', '+1').get()).toEqual(ada);
  const taken = data.members.insert({ ...nobody, phone: '+1' });
  expect(await failureOf(taken)).toBeInstanceOf(DuplicateKeyError);
});

it('gives back what it reserved although the answer was lost, when its row is refused', async () => {
  const [one, two] = [await cluster.proxy('tx-1'), await cluster.proxy('tx-2')];
  const { data: behind } = await cluster.openWith(
    { members: cachedMembers },
    {
      directory: { keyspace: 'ledger', keys: [directoryKey], sweepMs: false },
      topology: cluster.topology({ 'tx-1': one.url, 'tx-2': two.url }),
    },
  );
  const ada = await behind.members.insert({ ...nobody, phone: '+1' });
  const lost = [one, two].map(({ proxy }) => proxy.dropReplyTo(/insert into meridian_directory/i));
  await behind.members.at(ada.id).transaction(async (trx) => {
    const again = trx.members.insert({ ...ada, phone: '+2' });
    expect(await failureOf(again)).toBeInstanceOf(DuplicateKeyError);
  });
  await Promise.race(lost.map(({ happened }) => happened));
  for (const { proxy } of [one, two]) proxy.heal();
  expect(await data.members.by('phone', '+1').get()).toMatchObject({ id: ada.id });
  await expectSettled(1);
});
