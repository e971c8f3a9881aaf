import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Opened, TestCluster } from '../../support/cluster.ts';
import { runChild } from '../../support/crash/child.ts';
import type { CrashPoint } from '../../support/crash/crash-point.ts';
import { type DeadlyMove, moveOf } from '../../support/crash/deadly-move.ts';
import { runSevered } from '../../support/crash/errand.ts';
import { Life } from '../../support/crash/life.ts';
import { patient, relocatePatiently } from '../../support/crash/patience.ts';
import { eventually } from '../../support/eventually.ts';
import { createGroupTables, group } from '../../support/tables/groups.ts';

let cluster: TestCluster;
let data: Opened<typeof group>['data'];

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createGroupTables(cluster);
  ({ data } = await cluster.openWith(group));
});

afterAll(() => cluster.stop());

/** All of them take minutes; a sample that differs from the last statement to the first is enough daily. */
const every = process.env.MERIDIAN_CRASH_POINTS === 'all' ? 1 : 4;
const statements = 60;

const points = Array.from(
  { length: statements * 2 },
  (_, index): CrashPoint => ({
    from: 'INSERT INTO meridian_moves',
    statement: Math.floor(index / 2) + 1,
    moment: index % 2 === 0 ? 'before' : 'after',
  }),
).filter((_, index) => index % every === (index >> 3) % every);

/** The points at which an order of steps shows that is not the protocol's: no sample passes them by. */
const decisive: readonly CrashPoint[] = [
  // The arrival is committed, and the cutover is not.
  { from: "SET state = 'moved'", statement: 2, moment: 'after' },
  // The cutover is committed, and nothing else is done.
  { from: "SET state = 'moved'", statement: 3, moment: 'after' },
  // On record as one of which nothing is left to do.
  { from: 'SET notified = 1', statement: 1, moment: 'after' },
];

const shards = ['eu-1', 'us-1'] as const;

const relocate = (id: string, country: string) =>
  relocatePatiently(() => data.users.relocate(id, { country }, patient));

async function counts(id: string): Promise<number[][]> {
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
  return Promise.all(
    shards.map(async (shard) => {
      const [row] = await cluster.sql(
        shard,
        `SELECT (SELECT COUNT(*) FROM users WHERE id = ?) AS users,
          (SELECT COUNT(*) FROM addresses WHERE user_id = ?) AS addresses,
          (SELECT COUNT(*) FROM notes WHERE owner = ?) AS notes`,
        [bytes, bytes, id],
      );
      return [Number(row?.users), Number(row?.addresses), Number(row?.notes)];
    }),
  );
}

/** Who looks later takes the mover for dead, without the test having to wait as long. */
async function letTimePass(owner: string): Promise<void> {
  for (const shard of shards) {
    await cluster.sql(
      shard,
      `UPDATE meridian_moves SET changed_at = changed_at - INTERVAL 1 MINUTE
        WHERE reversed_owner = REVERSE(?) AND (state <> 'moved' OR notified = 0)`,
      [Buffer.from(owner.replaceAll('-', ''), 'hex')],
    );
  }
}

async function unfinished(owner: string): Promise<unknown[]> {
  const found = await Promise.all(
    shards.map((shard) =>
      cluster.sql(
        shard,
        `SELECT state FROM meridian_moves
          WHERE reversed_owner = REVERSE(?) AND (state <> 'moved' OR notified = 0)`,
        [Buffer.from(owner.replaceAll('-', ''), 'hex')],
      ),
    ),
  );
  return found.flat();
}

/** One in so many movers is a process of its own, which kills itself. */
const livesPerProcess = 8;

async function dieMoving(told: DeadlyMove, isProcess: boolean): Promise<'died' | 'done'> {
  if (isProcess) return runChild('relocate-and-die.ts', told);
  const life = Life.begin();
  const own = { ...told, topology: cluster.topologyOf(life), redis: life.urlFor(told.redis) };
  return (await runSevered(life, told.point, moveOf(own))).end;
}

/** @param returning whether the owner has lived where it goes, and has a row whose id names it. */
async function dieAndRecover(
  point: CrashPoint,
  returning: boolean,
  isProcess: boolean,
): Promise<'died' | 'done'> {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const home = await data.addresses.insert({ user_id: user.id, city: 'Berlin' });
  const work = await data.addresses.insert({ user_id: user.id, city: 'Ulm' });
  const note = await data.notes.insert({ owner: user.id, text: 'hello', at: new Date(0) });
  if (returning) await relocate(user.id, 'US');
  const made = await data.addresses.insert({ user_id: user.id, city: 'Ely' });
  if (returning) await relocate(user.id, 'DE');
  const ids = [home.id, work.id, made.id].sort();
  const listed = async () => (await data.addresses.at(user.id).list()).map(({ id }) => id);
  const told: DeadlyMove = {
    topology: cluster.topology(),
    redis: cluster.redisUrl,
    owner: user.id,
    country: 'US',
    point,
  };
  const end = await dieMoving(told, isProcess);
  const where = JSON.stringify({ point, returning, isProcess });

  // Nobody has tidied up yet, and yet whoever reads or writes is right.
  const primary = { consistency: 'primary' } as const;
  const seen = await data.users.get(user.id, primary);
  expect(seen, where).toMatchObject({ id: user.id, name: 'Ada' });
  expect(await data.addresses.get(home.id, primary), where).toEqual(home);
  expect(await data.addresses.get(made.id, primary), where).toEqual(made);
  expect(await listed(), where).toEqual(ids);

  await letTimePass(user.id);
  await data.relocations.sweep();
  // Another worker's sweep may have begun with this one, and be about to end it.
  await expect.poll(() => unfinished(user.id), { timeout: 10_000 }).toEqual([]);
  const [eu, us] = await counts(user.id);
  const moved = us?.[0] === 1;
  expect([eu, us], where).toEqual(
    moved
      ? [
          [0, 0, 0],
          [1, 3, 1],
        ]
      : [
          [1, 3, 1],
          [0, 0, 0],
        ],
  );
  if (end === 'done') expect(moved, where).toBe(true);
  const country = moved ? 'US' : 'DE';
  expect(await data.users.get(user.id), where).toEqual({ ...user, country });
  expect((await data.users.update(user.id, { name: 'Ada L.' })).affected, where).toBe(1);
  const later = await data.addresses.insert({ user_id: user.id, city: 'Later' });
  expect(await listed(), where).toEqual([...ids, later.id].sort());
  // While the other workers' owners move it may find no quiet moment, and says so.
  const all = await eventually(
    () =>
      data.addresses.everywhere.query('SELECT city FROM addresses WHERE user_id = ?', [
        Buffer.from(user.id.replaceAll('-', ''), 'hex'),
      ]),
    { timeout: 60_000 },
  );
  expect(all, where).toHaveLength(4);

  // What was interrupted stands in nobody's way.
  const onward = await relocate(user.id, moved ? 'FR' : 'US');
  expect(onward.rows, where).toBe(6);
  expect(await data.notes.get(note.id), where).toEqual(note);
  return end;
}

it('a mover that dies anywhere leaves its owner whole, in one place, and free to move', async () => {
  const ways = (index: number) => (every === 1 ? [false, true] : [index % 2 === 1]);
  const waiting = [
    ...points.flatMap((point, index) =>
      ways(index).map((returning) => ({
        point,
        returning,
        isProcess: index % livesPerProcess === livesPerProcess / 2,
      })),
    ),
    ...decisive.flatMap((point) =>
      [false, true].map((returning) => ({ point, returning, isProcess: false })),
    ),
  ];
  const ends: string[] = [];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      ends.push(await dieAndRecover(next.point, next.returning, next.isProcess));
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  expect(ends.filter((end) => end === 'died').length).toBeGreaterThanOrEqual(20);
  for (const shard of shards) {
    const left = await cluster.sql(
      shard,
      `SELECT state FROM meridian_moves WHERE state <> 'none' AND (state <> 'moved' OR notified = 0)`,
    );
    expect(left).toEqual([]);
  }
}, 600_000);
