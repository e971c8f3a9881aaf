import { isMeridianError } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { createGroupTables, group } from '../../support/tables/groups.ts';

let cluster: TestCluster;
let proxies: Record<'source' | 'target', ChaosProxy>;
let data: Opened<typeof group>['data'];
/** A process that no fault concerns. */
let witness: Opened<typeof group>['data'];

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createGroupTables(cluster);
  const [source, target] = await Promise.all([cluster.proxy('eu-1'), cluster.proxy('us-1')]);
  proxies = { source: source.proxy, target: target.proxy };
  const topology = cluster.topology({ 'eu-1': source.url, 'us-1': target.url });
  // Faults in a row must not open the breakers: they are not what is tested here.
  ({ data } = await cluster.openWith(group, { topology, breaker: { failures: 1_000 } }));
  ({ data: witness } = await cluster.openWith(group));
});

afterAll(() => cluster.stop());

const bytesOf = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');
const shards = ['eu-1', 'us-1'] as const;

async function placesOf(id: string): Promise<number[][]> {
  return Promise.all(
    shards.map(async (shard) => {
      const [row] = await cluster.sql(
        shard,
        `SELECT (SELECT COUNT(*) FROM users WHERE id = ?) AS users,
          (SELECT COUNT(*) FROM addresses WHERE user_id = ?) AS addresses`,
        [bytesOf(id), bytesOf(id)],
      );
      return [Number(row?.users), Number(row?.addresses)];
    }),
  );
}

/** A mover that lost its shard for long is taken for dead by those who come later. */
async function letTimePass(id: string): Promise<void> {
  for (const shard of shards) {
    await cluster.sql(
      shard,
      `UPDATE meridian_moves SET changed_at = changed_at - INTERVAL 1 MINUTE
        WHERE reversed_owner = REVERSE(?) AND (state <> 'moved' OR notified = 0)`,
      [bytesOf(id)],
    );
  }
}

const lost: ['source' | 'target', string, RegExp][] = [
  ['source', 'the announcement', /^insert into meridian_moves/i],
  ['source', 'the first chunk that is locked', /from `users` where .* for update/i],
  ['source', 'a later chunk', /from `addresses` where .* for update/i],
  ['source', 'the crossing', /^update meridian_moves set crossing = 1/i],
  ['source', "the lock on the move's own row", /^update meridian_moves set crossing = 0/i],
  ['source', 'the marks', /^insert into meridian_forward/i],
  ['source', 'the deletion', /delete .*from `users`/i],
  ['source', 'the cutover', /^update meridian_moves set state = 'moved'/i],
  ['source', 'the COMMIT of the cutover', /^commit/i],
  ['source', 'the notification', /^update meridian_moves set notified/i],
  ['target', 'the arrival', /^insert into meridian_settlement/i],
  ['target', 'the first row', /insert .*into `users`/i],
  ['target', 'the checksum', /^select count\(\*\) as numberofrows/i],
  ['target', 'the COMMIT of the arrival', /^commit/i],
  ['target', 'the welcome', /^delete from meridian_moves/i],
];

it.each(lost)(
  'a reply of the %s that is lost, %s, leaves the owner whole and in one place',
  async (side, _, statement) => {
    const user = await data.users.insert({ country: 'DE', name: 'Ada' });
    const home = await data.addresses.insert({ user_id: user.id, city: 'Berlin' });
    const dropped = proxies[side].dropReplyTo(statement);
    const moved = await data.users.relocate(user.id, { country: 'US' }).catch((error: unknown) => {
      if (!isMeridianError(error)) throw error;
      return error;
    });
    await dropped.happened;
    expect(await witness.users.get(user.id, { consistency: 'primary' })).toMatchObject({
      id: user.id,
    });
    if (isMeridianError(moved) && moved.outcome === 'not-applied') {
      expect(await placesOf(user.id)).toEqual([
        [1, 1],
        [0, 0],
      ]);
    }
    if (!isMeridianError(moved))
      expect(await placesOf(user.id)).toEqual([
        [0, 0],
        [1, 1],
      ]);
    await letTimePass(user.id);
    await witness.relocations.sweep();
    const places = await placesOf(user.id);
    expect(places.filter(([users]) => users === 1)).toEqual([[1, 1]]);
    expect(places.flat().reduce((sum, n) => sum + n)).toBe(2);
    const country = places[0]?.[0] === 1 ? 'US' : 'DE';
    expect((await data.users.relocate(user.id, { country })).rows).toBe(2);
    expect(await witness.addresses.get(home.id, { consistency: 'primary' })).toEqual(home);
  },
);

it('a move whose undoing is rolled back as well is undone, and made again', async () => {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const checked = proxies.target.dropReplyTo(/^select count\(\*\) as numberofrows/i);
  const undone = proxies.target.dropReplyTo(/^update meridian_moves set arriving = null/i);
  expect((await data.users.relocate(user.id, { country: 'US' })).rows).toBe(1);
  await Promise.all([checked.happened, undone.happened]);
});

it('while the other region is down nothing begins, and while it hangs nothing stays', async () => {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const refused = proxies.target.refuse();
  proxies.target.reset();
  expect(await failureOf(data.users.relocate(user.id, { country: 'US' }))).toMatchObject({
    code: 'MERIDIAN_UNAVAILABLE',
    outcome: 'not-applied',
  });
  refused.undo();
  const dark = proxies.target.blackHole();
  const hung = await failureOf(
    data.users.relocate(user.id, { country: 'US' }, { timeoutMs: 1_000 }),
  );
  expect(hung).toMatchObject({ outcome: 'not-applied' });
  dark.undo();
  expect((await data.users.update(user.id, { name: 'Ada L.' })).affected).toBe(1);
  await data.users.relocate(user.id, { country: 'US' });
  expect(await witness.users.get(user.id)).toEqual({ ...user, name: 'Ada L.', country: 'US' });
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
    await expect
      .poll(() => placesOf(user.id))
      .toEqual(
        outcome === 'moved'
          ? [
              [0, 0],
              [1, 1],
            ]
          : [
              [1, 1],
              [0, 0],
            ],
      );
    expect((await witness.users.update(user.id, { name: 'x' })).affected).toBe(1);
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
