import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Opened, TestCluster } from '../../support/cluster.ts';
import { runChild } from '../../support/crash/child.ts';
import type { CrashPoint } from '../../support/crash/crash-point.ts';
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

/** The copies have been committed where the owner goes, and it has not left yet. */
const beforeFlip: CrashPoint = { from: "SET state = 'moved'", statement: 2, moment: 'after' };
/** The owner has left, and nobody was told. */
const afterFlip: CrashPoint = { from: "SET state = 'moved'", statement: 3, moment: 'after' };

/** Who looks later takes the mover for dead, without the test having to wait as long. */
async function letTimePass(owner: string): Promise<void> {
  for (const shard of ['eu-1', 'us-1'] as const) {
    await cluster.sql(
      shard,
      `UPDATE meridian_moves SET changed_at = changed_at - INTERVAL 1 MINUTE
        WHERE reversed_owner = REVERSE(?) AND (state <> 'moved' OR notified = 0)`,
      [bytesOf(owner)],
    );
  }
}

/** An owner in eu who has lived in us, where one of its rows was made; a mover dies bringing it back. */
async function dieOnTheWayBack(point: CrashPoint) {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const first = await data.addresses.insert({ user_id: user.id, city: 'Berlin' });
  await data.users.relocate(user.id, { country: 'US' });
  const made = await data.addresses.insert({ user_id: user.id, city: 'Reno' });
  await data.users.relocate(user.id, { country: 'DE' });
  const end = await runChild('relocate-and-die.ts', {
    topology: cluster.topology(),
    redis: cluster.redisUrl,
    owner: user.id,
    country: 'US',
    point,
  });
  expect(end).toBe('died');
  return { user, first, made };
}

it('what is written while copies are where an owner once lived is not lost when the move is reversed', async () => {
  const { user, made } = await dieOnTheWayBack(beforeFlip);
  for (const layer of [data, other]) {
    await layer.users.get(user.id);
    await layer.addresses.get(made.id);
  }
  const city = 'Waco';
  expect((await other.addresses.update(made.id, { city })).affected).toBe(1);
  await letTimePass(user.id);
  await data.relocations.sweep();
  expect(await data.addresses.get(made.id, primary)).toEqual({ ...made, city });
  // What was read of the copies does not stay in a cache either, but for a second in memory.
  for (const layer of [data, other]) {
    await expect.poll(() => layer.users.get(user.id), { timeout: 3_000 }).toEqual(user);
    await expect
      .poll(() => layer.addresses.get(made.id), { timeout: 3_000 })
      .toEqual({ ...made, city });
  }
});

it('a row deleted while copies of it are where its owner once lived stays deleted', async () => {
  const { user, made } = await dieOnTheWayBack(beforeFlip);
  const { affected } = await data.addresses.delete(made.id);
  expect(affected).toBe(1);
  await letTimePass(user.id);
  await data.relocations.sweep();
  expect(await data.addresses.get(made.id, primary)).toBeNull();
});

it('an owner who has come back is whole at once, although its mover died before it told anybody', async () => {
  const { user, first, made } = await dieOnTheWayBack(afterFlip);
  expect(await data.addresses.at(user.id).list()).toEqual([first, made]);
  const later = await other.addresses.insert({ user_id: user.id, city: 'Elko' });
  expect(await data.addresses.at(user.id).list()).toEqual([first, made, later]);
  await data.addresses.at(user.id).transaction(async (trx) => {
    await trx.addresses.update(later.id, { city: 'Ely' });
  });
});
