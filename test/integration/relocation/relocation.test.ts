import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
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

/** An owner in eu with members in both tables. */
async function newOwner(name = 'Ada') {
  const user = await data.users.insert({ country: 'DE', name });
  const home = await data.addresses.insert({ user_id: user.id, city: 'Berlin' });
  const work = await data.addresses.insert({ user_id: user.id, city: 'Ulm' });
  const note = await data.notes.insert({ owner: user.id, text: 'hello', at: new Date(0) });
  return { user, home, work, note };
}

async function counts(id: string): Promise<Record<string, number[]>> {
  const on = async (shard: 'eu-1' | 'us-1') => {
    const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
    const [row] = await cluster.sql(
      shard,
      `SELECT (SELECT COUNT(*) FROM users WHERE id = ?) AS users,
        (SELECT COUNT(*) FROM addresses WHERE user_id = ?) AS addresses,
        (SELECT COUNT(*) FROM notes WHERE owner = ?) AS notes`,
      [bytes, bytes, id],
    );
    return [Number(row?.users), Number(row?.addresses), Number(row?.notes)];
  };
  return { eu: await on('eu-1'), us: await on('us-1') };
}

it('moves an owner with its group; ids, reads and writes go on, in this process and another', async () => {
  const { user, home, work, note } = await newOwner();
  await other.users.get(user.id);
  const moved = await data.users.relocate(user.id, { country: 'US' });
  expect(moved).toMatchObject({ from: 'eu', to: 'us', rows: 4, invalidation: 'done' });
  expect(await counts(user.id)).toEqual({ eu: [0, 0, 0], us: [1, 2, 1] });

  for (const layer of [data, other]) {
    const consistency = 'primary';
    expect(await layer.users.get(user.id, { consistency })).toEqual({ ...user, country: 'US' });
    expect(await layer.addresses.getMany([work.id, home.id], { consistency })).toEqual([
      work,
      home,
    ]);
    expect(await layer.notes.get(note.id)).toEqual(note);
    expect(await layer.addresses.at(user.id).list()).toEqual([home, work]);
    expect(await layer.addresses.at(user.id).get(home.id)).toEqual(home);
    expect(
      await layer.users.at(user.id).query('SELECT city FROM addresses ORDER BY city'),
    ).toContainEqual({ city: 'Berlin' });
  }
  expect((await other.users.update(user.id, { name: 'Ada L.' })).affected).toBe(1);
  expect((await data.users.get(user.id, { consistency: 'primary' }))?.name).toBe('Ada L.');

  const later = await other.addresses.insert({ user_id: user.id, city: 'Boston' });
  const many = await data.addresses.insertMany([
    { user_id: user.id, city: 'Reno' },
    { user_id: user.id, city: 'Waco' },
  ]);
  expect(await counts(user.id)).toEqual({ eu: [0, 0, 0], us: [1, 5, 1] });
  expect(await data.addresses.get(later.id)).toEqual(later);
  expect(await other.addresses.getMany(many.map(({ id }) => id))).toEqual(many);

  await other.addresses.at(user.id).transaction(async (trx) => {
    await trx.addresses.insert({ user_id: user.id, city: 'Elko' });
    await trx.addresses.update(home.id, { city: 'Bern' });
    await trx.users.update(user.id, { name: 'Countess' });
  });
  expect(await counts(user.id)).toEqual({ eu: [0, 0, 0], us: [1, 6, 1] });
  expect((await data.addresses.get(home.id, { consistency: 'primary' }))?.city).toBe('Bern');
  expect((await data.addresses.delete(work.id)).affected).toBe(1);
  expect(await data.addresses.get(work.id)).toBeNull();
});

it('there and back again, twice', async () => {
  const { user, home, note } = await newOwner();
  for (const [country, region] of [
    ['US', 'us'],
    ['DE', 'eu'],
    ['US', 'us'],
    ['FR', 'eu'],
  ] as const) {
    const moved = await data.users.relocate(user.id, { country });
    expect(moved.to).toBe(region);
    for (const layer of [data, other]) {
      expect(await layer.users.get(user.id, { consistency: 'primary' })).toEqual({
        ...user,
        country,
      });
      expect(await layer.addresses.get(home.id, { consistency: 'primary' })).toEqual(home);
      expect(await layer.notes.get(note.id)).toEqual(note);
      await layer.addresses.insert({ user_id: user.id, city: region });
    }
  }
  expect(await counts(user.id)).toEqual({ eu: [1, 10, 1], us: [0, 0, 0] });
  expect(await data.addresses.at(user.id).list()).toHaveLength(10);
});

it('refuses what is no move, and changes nothing', async () => {
  const { user } = await newOwner();
  const cases: [unknown, Record<string, unknown>][] = [
    [
      await failureOf(data.users.relocate(user.id, { country: 'FR' })),
      { reason: 'same-region', code: 'MERIDIAN_RELOCATION' },
    ],
    [
      await failureOf(
        data.users.relocate('0192aaaa-aaaa-7aaa-8104-00aaaaaaaaaa', { country: 'US' }),
      ),
      { reason: 'unknown-owner' },
    ],
  ];
  for (const [error, expected] of cases) expect(error).toMatchObject(expected);
  expect(await counts(user.id)).toEqual({ eu: [1, 2, 1], us: [0, 0, 0] });
  const both = await Promise.allSettled([
    data.users.relocate(user.id, { country: 'US' }),
    other.users.relocate(user.id, { country: 'US' }),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const [refused] = both.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  expect(refused).toMatchObject({ reason: 'busy', retryable: true, outcome: 'not-applied' });
  expect(await counts(user.id)).toEqual({ eu: [0, 0, 0], us: [1, 2, 1] });
});
