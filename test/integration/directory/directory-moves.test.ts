import { type DataLayer, type DirectoryOptions, DuplicateKeyError, RoutingError } from 'meridian';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { cards, createCards } from '../../support/tables/cards.ts';
import {
  cachedMembers,
  clearMembers,
  createMembers,
  directoryEntries,
  directoryKey,
  marks,
  nobody,
} from '../../support/tables/members.ts';

const moving = { members: cachedMembers, cards };

let cluster: TestCluster;
let data: DataLayer<typeof moving>;
let other: DataLayer<typeof moving>;

// Past the memory of the process, which may be a second old.
const now = { consistency: 'primary' } as const;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createMembers(cluster);
  await createCards(cluster);
  const directory: DirectoryOptions = {
    keyspace: 'ledger',
    keys: [directoryKey],
    reservationMs: 50,
    sweepMs: false,
  };
  ({ data } = await cluster.openWith(moving, { directory }));
  ({ data: other } = await cluster.openWith(moving, { directory, region: 'us' }));
});

afterAll(() => cluster.stop());
beforeEach(async () => {
  await clearMembers(cluster);
  for (const shard of ['eu-1', 'us-1'] as const) await cluster.sql(shard, 'DELETE FROM cards');
});

describe('an owner that was moved', () => {
  it('is found by its values, keeps them, changes them and gives them up', async () => {
    const ada = await data.members.insert({ ...nobody, phone: '+1', handle: 'ada' });
    const card = await data.cards.insert({ member: ada.id, number: '4711' });
    expect(await other.members.by('phone', '+1').get(now)).toEqual(ada);
    expect(await other.members.by('phone', '+2').get(now)).toBeNull();
    await data.members.relocate(ada.id, { country: 'US' });
    for (const layer of [data, other]) {
      expect(await layer.members.by('phone', '+1').get(now)).toMatchObject({
        id: ada.id,
        country: 'US',
      });
      expect(await layer.cards.by('number', '4711').get(now)).toEqual(card);
      for (const country of ['DE', 'US']) {
        const taken = layer.members.insert({ ...nobody, country, phone: '+1' });
        expect(await failureOf(taken)).toBeInstanceOf(DuplicateKeyError);
      }
    }
    // A process that has never seen it at its new place changes it.
    await other.members.update(ada.id, { phone: '+2', handle: null });
    expect(await data.members.by('phone', '+2').get(now)).toMatchObject({
      id: ada.id,
    });
    expect(await data.members.by('phone', '+1').get(now)).toBeNull();
    const bob = await data.members.insert({ ...nobody, phone: '+1', handle: 'ada' });
    expect(await failureOf(other.members.update(ada.id, { phone: '+1' }))).toBeInstanceOf(
      DuplicateKeyError,
    );
    // New rows of the owner, made by a process that believes it to be where it was.
    const late = await other.cards.insert({ member: ada.id, number: '4712' });
    expect(await data.cards.by('number', '4712').get(now)).toEqual(late);
    await other.cards.delete(card.id);
    expect(await data.cards.by('number', '4711').get(now)).toBeNull();
    await other.cards.insert({ member: bob.id, number: '4711' });
    await other.members.delete(ada.id);
    await data.members.update(bob.id, { phone: '+2' });
    expect(await other.members.by('phone', '+2').get(now)).toMatchObject({
      id: bob.id,
    });
    expect((await directoryEntries(cluster)).map(({ state }) => state)).toEqual(
      Array(4).fill('confirmed'),
    );
    expect(await marks(cluster)).toBe(0);
  });

  it('is not given other values on the way, which the directory would not hear of', async () => {
    const ada = await data.members.insert({ ...nobody, phone: '+1' });
    await data.members.insert({ ...nobody, phone: '+2' });
    for (const set of [{ phone: '+2' }, { phone: null }, { id: crypto.randomUUID() }]) {
      const move = data.members.relocate(ada.id, { country: 'US' }, { set });
      expect(await failureOf(move)).toBeInstanceOf(RoutingError);
      expect(await data.members.get(ada.id, now)).toEqual(ada);
    }
    await data.members.relocate(ada.id, { country: 'US' }, { set: { name: 'Ada' } });
    expect(await data.members.by('phone', '+1').get()).toMatchObject({ name: 'Ada' });
  });

  it('works in transactions, with an id of its earlier place', async () => {
    const ada = await data.members.insert({ ...nobody, phone: '+1' });
    const card = await data.cards.insert({ member: ada.id, number: '4711' });
    await other.members.relocate(ada.id, { country: 'US' });
    await data.members.at(ada.id).transaction(async (trx) => {
      await trx.members.update(ada.id, { phone: '+2' });
      await trx.cards.delete(card.id);
      await trx.cards.insert({ member: ada.id, number: '4713' });
    });
    expect(await other.members.by('phone', '+2').get(now)).toMatchObject({ id: ada.id });
    expect(await other.members.by('phone', '+1').get(now)).toBeNull();
    expect(await other.cards.by('number', '4711').get(now)).toBeNull();
    expect(await other.cards.by('number', '4713').get(now)).toMatchObject({ member: ada.id });
    expect(await marks(cluster)).toBe(0);
  });

  it('whose write had died half-way is settled where the write was', async () => {
    const ada = await data.members.insert({ ...nobody, phone: '+1', handle: 'ada' });
    const token = Buffer.alloc(16, 7);
    for (const shard of ['tx-1', 'tx-2'] as const) {
      await cluster.sql(
        shard,
        "UPDATE meridian_directory SET state = 'reserved', token = ?, changed_at = NOW(6) - INTERVAL 1 DAY WHERE row_key = ?",
        [token, ada.id],
      );
    }
    await cluster.sql(
      'eu-1',
      "INSERT INTO meridian_settlement (token, outcome) VALUES (?, 'applied')",
      [token],
    );
    await data.members.relocate(ada.id, { country: 'US' });
    expect(await other.members.by('phone', '+1').get(now)).toMatchObject({ id: ada.id });
    const taken = other.members.insert({ ...nobody, phone: '+1' });
    expect(await failureOf(taken)).toBeInstanceOf(DuplicateKeyError);
    expect(await data.directory.sweep()).toMatchObject({ aborted: 0, pending: 0 });
    expect((await directoryEntries(cluster)).map(({ state }) => state)).toEqual([
      'confirmed',
      'confirmed',
    ]);
  });

  it('is entered by a backfill, whatever its id says', async () => {
    const ada = await data.members.insert({ ...nobody, phone: '+1' });
    await data.members.relocate(ada.id, { country: 'US' });
    await cluster.sql('tx-1', 'DELETE FROM meridian_directory');
    await cluster.sql('tx-2', 'DELETE FROM meridian_directory');
    expect(await other.members.backfill('phone')).toMatchObject({
      scanned: 1,
      entered: 1,
      duplicates: [],
    });
    expect(await data.members.by('phone', '+1').get(now)).toMatchObject({
      id: ada.id,
    });
    expect(await marks(cluster)).toBe(0);
  });
});

it('a backfill does not miss an owner that moves past it', async () => {
  const eve = await data.members.insert({ ...nobody, country: 'US', phone: '+1' });
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(shard, 'DELETE FROM meridian_directory');
  }
  const { proxy, url } = await cluster.proxy('us-1');
  const { data: slow } = await cluster.openWith(moving, {
    topology: cluster.topology({ 'us-1': url }),
    directory: { keyspace: 'ledger', keys: [directoryKey] },
  });
  // Where the owner is going has been read when it arrives; where it was is read when it has left.
  let move: Promise<unknown> | undefined;
  const result = await slow.members.backfill('phone', {
    onProgress: () => {
      if (move !== undefined) return;
      const outage = proxy.blackHole();
      move = data.members.relocate(eve.id, { country: 'DE' }).finally(() => outage.undo());
    },
  });
  await move;
  expect(result).toMatchObject({ entered: 1 });
  expect(await data.members.by('phone', '+1').get(now)).toMatchObject({ id: eve.id });
});

it('owners are moved, changed, found and their values taken over at the same time', async () => {
  const owners = await Promise.all(
    Array.from({ length: 6 }, (_, index) => data.members.insert({ ...nobody, phone: `+${index}` })),
  );
  let isOver = false;
  const moves = (async () => {
    for (let round = 0; round < 2; round++) {
      for (const { id } of owners) {
        await data.members.relocate(id, { country: round % 2 === 0 ? 'US' : 'DE' });
      }
    }
    isOver = true;
  })();
  let changes = 0;
  const holders = new Map(owners.map(({ id }, index) => [id, `+${index}`]));
  const change = async (layer: typeof data, part: number) => {
    while (!isOver) {
      const owner = owners[part * 3 + (changes % 3)];
      if (owner === undefined) throw new Error('no owner');
      const phone = `+${part}${changes++}`;
      const { affected } = await layer.members.update(owner.id, { phone }, { timeoutMs: 20_000 });
      expect(affected).toBe(1);
      holders.set(owner.id, phone);
      const found = await layer.members.by('phone', phone).get(now);
      expect(found?.id).toBe(owner.id);
    }
  };
  await Promise.all([moves, change(data, 0), change(other, 1)]);
  expect(changes).toBeGreaterThan(5);
  for (const [id, phone] of holders) {
    expect(await other.members.by('phone', phone).get(now)).toMatchObject({
      id,
    });
  }
  expect((await directoryEntries(cluster)).map(({ state }) => state)).toEqual(
    Array(6).fill('confirmed'),
  );
  expect(await marks(cluster)).toBe(0);
});
