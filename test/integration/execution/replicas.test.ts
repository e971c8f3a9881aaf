import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountOn, type Opened, type OwnCluster, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import type { tables } from '../../support/tables.ts';

let cluster: OwnCluster;
let opened: Opened<typeof tables>;
let account: string;

beforeAll(async () => {
  cluster = await TestCluster.startOwn(1);
  opened = await cluster.open({ retry: { baseMs: 1, maxMs: 5 } });
  account = accountOn('tx-1', opened.data.transactions);
});

afterAll(() => cluster.stop());

const shard = () => opened.data.transactions.at(account);
const answering = async (consistency: 'primary' | 'replica') => {
  const [row] = await shard().query('SELECT @@read_only AS readOnly', [], { consistency });
  return Number(row?.readOnly) === 1 ? 'replica' : 'primary';
};

it('replica reads a replica, and everything else the primary', async () => {
  expect(await answering('replica')).toBe('replica');
  expect(await answering('primary')).toBe('primary');
  const row = await opened.data.transactions.insert({ account_id: account, cents: 1n });
  expect(await opened.data.transactions.get(row.id)).toEqual(row);
  await eventually(async () => {
    const read = { consistency: 'replica' } as const;
    expect(await opened.data.transactions.get(row.id, read)).toEqual(row);
    expect(await opened.data.transactions.getMany([row.id], read)).toEqual([row]);
  });
});

it('the primary stands in for a replica that is down', async () => {
  await cluster.cluster.shards['tx-1'].replicas[0]?.kill();
  expect(await answering('replica')).toBe('primary');
  const row = await opened.data.transactions.insert({ account_id: account, cents: 2n });
  expect(await opened.data.transactions.get(row.id, { consistency: 'replica' })).toEqual(row);
  expect(
    await opened.data.transactions.everywhere.each('SELECT 1', [], { consistency: 'replica' }),
  ).toHaveLength(2);
});

it('a data layer starts while a replica is down', async () => {
  const { data, events } = await cluster.open();
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'endpoint-fault', endpoint: 'tx-1/replica-1' }),
  );
  expect(await data.transactions.at(account).query("SELECT 'one' AS one")).toEqual([
    { one: 'one' },
  ]);
});

it('an insert never goes to a replica', async () => {
  const before = opened.events.length;
  for (let turn = 0; turn < 4; turn++) {
    await opened.data.transactions.insert({ account_id: account, cents: 3n });
  }
  expect(opened.events.slice(before).filter(({ type }) => type === 'retry')).toEqual([]);
});
