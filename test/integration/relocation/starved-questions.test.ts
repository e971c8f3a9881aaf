import { afterAll, beforeAll, expect, it } from 'vitest';
import { deferred } from '../../../src/execution/deferred.ts';
import { type Opened, TestCluster } from '../../support/cluster.ts';
import { createGroupTables, group } from '../../support/tables/groups.ts';

let cluster: TestCluster;
let data: Opened<typeof group>['data'];
let ids: string[];

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createGroupTables(cluster);
  ({ data } = await cluster.openWith(group, { pool: { connections: 2 } }));
  const names = ['Ada', 'Bob', 'Cid', 'Dan'];
  const users = await Promise.all(names.map((name) => data.users.insert({ country: 'US', name })));
  ids = users.map(({ id }) => id);
});

afterAll(() => cluster.stop());

/** Longer than what is known of departures holds, shorter than a question waits for its answer. */
const sleep = 'SELECT SLEEP(0.7) AS slept';

it('transactions that have all connections of a pool do not wait for one more', async () => {
  const began = performance.now();
  await Promise.all(
    ids.map((id) =>
      data.users.at(id).transaction(
        async (trx) => {
          await trx.query(sleep);
          await trx.users.update(id, { name: 'Eve' });
        },
        { timeoutMs: 8_000 },
      ),
    ),
  );
  // Two after two.
  expect(performance.now() - began).toBeLessThan(3_000);
  const rows = await data.users.getMany(ids);
  expect(rows.map((row) => row?.name)).toEqual(['Eve', 'Eve', 'Eve', 'Eve']);
}, 30_000);

it('nor do streams, whose first row came late', async () => {
  const began = performance.now();
  const read = async (id: string) => {
    const rows: unknown[] = [];
    for await (const row of data.users.at(id).stream(sleep)) rows.push(row);
    return rows.length;
  };
  expect(await Promise.all(ids.map(read))).toEqual([1, 1, 1, 1]);
  expect(performance.now() - began).toBeLessThan(3_000);
}, 30_000);

it('who holds all connections hears that an owner has moved away', async () => {
  const [ada, bob, cid] = ids as [string, string, string];
  const { data: other } = await cluster.openWith(group);
  // The first to leave brings triggers, which open transactions would keep out.
  await other.users.relocate(cid, { country: 'DE' });
  const moved = deferred<unknown>();
  let runs = 0;
  const whileMoving = (id: string) =>
    data.users.at(id).transaction(
      async (trx) => {
        const row = await trx.users.get(id);
        runs++;
        if (runs === 2) moved.resolve(other.users.relocate(ada, { country: 'DE' }));
        await moved.promise;
        return row?.country;
      },
      { timeoutMs: 8_000, retries: 2 },
    );
  expect(await Promise.all([whileMoving(ada), whileMoving(bob)])).toEqual(['DE', 'US']);
  expect(runs).toBe(3);
}, 30_000);

it('an owner moves by a pool of one connection', async () => {
  const { data: narrow } = await cluster.openWith(group, { pool: { connections: 1 } });
  const { id } = await narrow.users.insert({ country: 'US', name: 'Fay' });
  expect(await narrow.users.relocate(id, { country: 'DE' })).toMatchObject({ rows: 1, to: 'eu' });
  expect(await narrow.users.get(id)).toMatchObject({ country: 'DE' });
}, 30_000);

it.each([1, 2])(
  'as many owners as there are connections, %i, cross each other',
  async (connections) => {
    const { data: narrow } = await cluster.openWith(group, { pool: { connections } });
    const countries = ['DE', 'US', 'DE', 'US', 'DE', 'US', 'DE', 'US'] as const;
    const owners = await Promise.all(
      countries.map((country) => narrow.users.insert({ country, name: 'Gus' })),
    );
    const there = (country: string) => (country === 'DE' ? 'US' : 'DE');
    const moved = await Promise.all(
      owners.map(({ id, country }) => narrow.users.relocate(id, { country: there(country) })),
    );
    expect(moved.map(({ to }) => to)).toEqual(countries.map((c) => (c === 'DE' ? 'us' : 'eu')));
  },
  30_000,
);

it('writers who wait for an owner that moves do not keep the mover from a connection', async () => {
  const { id } = await data.users.insert({ country: 'US', name: 'Hal' });
  let moving: Promise<unknown> | undefined;
  let isOver = false;
  const write = async (): Promise<void> => {
    while (!isOver) await data.users.update(id, { name: 'Ida' });
  };
  const writers = [write(), write(), write(), write()];
  try {
    moving = data.users.relocate(id, { country: 'DE' });
    expect(await moving).toMatchObject({ rows: 1, to: 'eu' });
  } finally {
    isOver = true;
  }
  await Promise.all(writers);
}, 30_000);
