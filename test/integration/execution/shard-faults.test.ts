import { CircuitOpenError, UnavailableError } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  accountOn,
  failureOf,
  type Opened,
  type OwnCluster,
  TestCluster,
} from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import type { tables } from '../../support/tables.ts';

let cluster: OwnCluster;
let opened: Opened<typeof tables>;
let account: string;
let elsewhere: string;

beforeAll(async () => {
  cluster = await TestCluster.startOwn();
  opened = await cluster.open({
    breaker: { failures: 3, openMs: 100 },
    retry: { baseMs: 1, maxMs: 5 },
  });
  account = accountOn('tx-1', opened.data.transactions);
  elsewhere = accountOn('tx-2', opened.data.transactions);
});

afterAll(() => cluster.stop());

const transactions = () => opened.data.transactions;

it('a dead shard fails its own calls only, fast once the breaker is open, and comes back', async () => {
  const here = await transactions().insert({ account_id: account, cents: 1n });
  const there = await transactions().insert({ account_id: elsewhere, cents: 2n });
  await cluster.cluster.shards['tx-1'].primary.kill();
  const first = await failureOf(transactions().get(here.id));
  expect([UnavailableError, CircuitOpenError].some((kind) => first instanceof kind)).toBe(true);
  await eventually(async () => {
    expect(await failureOf(transactions().get(here.id))).toBeInstanceOf(CircuitOpenError);
  });
  const refused = await failureOf(transactions().insert({ account_id: account, cents: 3n }));
  expect(refused).toMatchObject({ outcome: 'not-applied', retryable: true });
  expect(await transactions().get(there.id)).toEqual(there);
  expect(await failureOf(transactions().everywhere.each('SELECT 1'))).toMatchObject({
    retryable: true,
    outcome: 'not-applied',
  });
  await cluster.cluster.shards['tx-1'].primary.restart();
  await eventually(async () => expect(await transactions().get(here.id)).toEqual(here), {
    timeout: 10_000,
  });
  const states = opened.events.flatMap((event) =>
    event.type === 'breaker' && event.guard === 'tx-1/primary' ? [event.state] : [],
  );
  expect(states.slice(0, 2)).toEqual(['open', 'half-open']);
  expect(states.at(-1)).toBe('closed');
});

it('a dead shard cancels what runs on the others of a scatter', async () => {
  await cluster.cluster.shards['tx-1'].primary.kill();
  const work = transactions().everywhere.each('SELECT SLEEP(1000)');
  expect(await failureOf(work)).toMatchObject({ retryable: true, outcome: 'not-applied' });
  await eventually(async () => expect(await cluster.running('tx-2', '%SLEEP(1000)%')).toBe(0));
  await cluster.cluster.shards['tx-1'].primary.restart();
  await eventually(
    async () => expect(await transactions().everywhere.each('SELECT 1 AS one')).toHaveLength(2),
    { timeout: 10_000 },
  );
});

it('an old row stands in while its shard is dead, as long as its policy says', async () => {
  const { defineTable } = await import('meridian');
  const { tables: standard } = await import('../../support/tables.ts');
  const { name, keyspace, primaryKey, schema } = standard.users;
  const users = defineTable({
    ...{ name, keyspace, primaryKey, schema },
    place: (user) => ({ country: user.country }),
    columns: { id: 'uuid-binary' },
    cache: { ttlMs: 1, staleMs: 60_000 },
  });
  await cluster.forgetFacts();
  const { data, events } = await cluster.openWith({ users }, { redis: false });
  const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
  await data.users.get(ada.id);
  await cluster.cluster.shards['eu-1'].primary.kill();
  await eventually(() =>
    data.users
      .get(ada.id)
      .then(() =>
        expect(events).toContainEqual(expect.objectContaining({ type: 'cache', result: 'stale' })),
      ),
  );
  expect(await data.users.get(ada.id)).toEqual(ada);
  const primary = await failureOf(data.users.get(ada.id, { consistency: 'primary' }));
  expect(primary).toMatchObject({ retryable: true });
  await cluster.cluster.shards['eu-1'].primary.restart();
});
