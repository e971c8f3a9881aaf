import type { DataLayer } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestCluster } from '../../support/cluster.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let data: DataLayer<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data } = await cluster.open());
});

afterAll(() => cluster.stop());

it.each([
  ['of the primary', { consistency: 'primary' }],
  ['with a token', { token: 'v1~*' }],
  ['through the cache', {}],
] as const)('Z1: 40,000 keys %s are read in their order, in turns', async (_, how) => {
  const stored = await data.users.insertMany(
    ['one', 'two', 'three'].map((name) => ({ country: 'DE', name })),
  );
  const absent = Array.from({ length: 40_000 }, () =>
    data.users.newId({ country: 'DE', name: 'nobody' }),
  );
  const keys = [...absent];
  for (const [index, { id }] of stored.entries()) keys.splice(index * 17_000, 0, id);
  let turns = 0;
  const count = () => {
    turns++;
    immediate = setImmediate(count);
  };
  let immediate = setImmediate(count);
  const rows = await data.users.getMany(keys, { ...how, timeoutMs: 25_000 });
  clearImmediate(immediate);
  expect(rows).toHaveLength(40_003);
  expect(
    rows.flatMap((row, index) => (row === null ? [] : [[keys[index], row.id, row.name]])),
  ).toEqual(stored.map(({ id, name }) => [id, id, name]));
  expect(turns).toBeGreaterThanOrEqual(9);
});

it('Z1: many keys end with their deadline, between two turns', async () => {
  const id = data.users.newId({ country: 'DE', name: 'nobody' });
  const keys = Array.from({ length: 1_000_000 }, () => id);
  const signal = AbortSignal.abort(new Error('gone'));
  await expect(data.users.getMany(keys, { signal })).rejects.toMatchObject({
    code: 'MERIDIAN_ABORTED',
  });
});
