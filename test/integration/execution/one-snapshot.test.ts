import { type CallOperation, defineTable } from 'meridian';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { Executor } from '../../../src/execution/executor.ts';
import type { Endpoint, Topology } from '../../../src/topology/topology.ts';
import { TopologyStore } from '../../../src/topology/topology-store.ts';
import { accountOn, type Opened, TestCluster } from '../../support/cluster.ts';
import { createMembers, directoryKey, members, nobody } from '../../support/tables/members.ts';
import { tables } from '../../support/tables.ts';
import { topologyOf } from '../../support/topologies.ts';

const currencies = defineTable({
  name: 'currencies',
  reference: true,
  primaryKey: 'code',
  schema: z.object({ code: z.string(), name: z.string() }),
});
const own = { ...tables, members, currencies };

let cluster: TestCluster;
let data: Opened<typeof own>['data'];

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createMembers(cluster);
  for (const shard of ['eu-1', 'us-1', 'tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      'CREATE TABLE currencies (code VARCHAR(3) COLLATE utf8mb4_bin PRIMARY KEY, name VARCHAR(50) NOT NULL)',
    );
  }
  const directory = { keyspace: 'ledger', keys: [directoryKey], sweepMs: false } as const;
  // With Redis, upkeep of its own would ask shards meanwhile.
  const open = () => cluster.openWith(own, { directory, redis: false });
  ({ data } = await open());
});

afterEach(() => vi.restoreAllMocks());
afterAll(() => cluster.stop());

/** Puts another snapshot in force whenever one is read. Returns the epochs on which servers are asked. */
function swapAtEachRead(): Set<number> {
  const epochs = new WeakMap<Endpoint, number>();
  const asked = new Set<number>();
  let epoch = 1;
  vi.spyOn(TopologyStore.prototype, 'current', 'get').mockImplementation((): Topology => {
    const snapshot = topologyOf({ ...cluster.topology(), epoch: epoch++ });
    for (const { primary, replicas } of snapshot.shards.values()) {
      for (const endpoint of [primary, ...replicas]) epochs.set(endpoint, snapshot.epoch);
    }
    return snapshot;
  });
  const { run } = Executor.prototype;
  vi.spyOn(Executor.prototype, 'run').mockImplementation(function (
    this: Executor,
    endpoints,
    work,
  ) {
    for (const endpoint of endpoints) asked.add(epochs.get(endpoint) ?? 0);
    return run.call(this, endpoints, work);
  });
  return asked;
}

async function read(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of rows);
}

const sql = 'SELECT id FROM users';
const user = () => data.users.insert({ country: 'DE', name: 'one' });
let serial = 0;
const member = (country = 'DE') =>
  data.members.insert({ ...nobody, country, phone: `+${++serial}`, serial });

/**
 * What each operation does, after what it needs was made ready. A reload asks servers of the document that it brings,
 * which is not in force yet.
 */
const cases: Record<Exclude<CallOperation, 'reload'>, () => Promise<() => Promise<unknown>>> = {
  get: async () => {
    // An owner who has moved: the id leads to one shard, a redirect there to another.
    const { id } = await user();
    await data.users.relocate(id, { country: 'US' });
    return () => data.users.get(id);
  },
  getMany: async () => {
    const ids = await Promise.all([user(), user(), user()].map(async (made) => (await made).id));
    await data.users.relocate(ids[0] ?? '', { country: 'US' });
    return () => data.users.getMany(ids, { consistency: 'primary' });
  },
  insert: async () => () => member(),
  insertMany: async () => () =>
    data.members.insertMany(
      ['DE', 'US'].map((country) => ({ ...nobody, country, phone: `+${++serial}`, serial })),
    ),
  update: async () => {
    const { id } = await member();
    return () => data.members.update(id, { phone: `+${++serial}` });
  },
  delete: async () => {
    const { id } = await member();
    return () => data.members.delete(id);
  },
  relocate: async () => {
    const { id } = await user();
    return () => data.users.relocate(id, { country: 'US' });
  },
  backfill: async () => () => data.members.backfill('phone'),
  'by.get': async () => {
    const { phone } = await member('US');
    return () => data.members.by('phone', phone ?? '').get();
  },
  'at.get': async () => {
    const { id } = await user();
    return () => data.users.at(id).get(id);
  },
  'at.getMany': async () => {
    const { id } = await user();
    return () => data.users.at(id).getMany([id]);
  },
  'at.list': async () => {
    const { id } = await user();
    return () => data.users.at(id).list();
  },
  'at.query': async () => {
    const { id } = await user();
    await data.users.relocate(id, { country: 'US' });
    return () => data.users.at(id).query(sql);
  },
  'at.execute': async () => {
    const account = accountOn('tx-1', data.transactions);
    const at = data.transactions.at(account);
    return () => at.execute('DELETE FROM transactions WHERE account_id = ?', [account]);
  },
  'at.stream': async () => {
    const { id } = await user();
    return () => read(data.users.at(id).stream(sql));
  },
  'at.transaction': async () => {
    const { id } = await member();
    const at = data.members.at(id);
    return () => at.transaction((trx) => trx.members.update(id, { phone: `+${++serial}` }));
  },
  'everywhere.query': async () => () => data.users.everywhere.query(sql),
  'everywhere.each': async () => () => data.users.everywhere.each(sql),
  'everywhere.stream': async () => () => read(data.users.everywhere.stream(sql)),
  all: async () => () => data.currencies.all(),
  put: async () => () => data.currencies.put({ code: 'EUR', name: 'x' }),
  placement: async () => () => data.admin.placement(),
  'directory.sweep': async () => () => data.admin.directory.sweep(),
  'idempotency.sweep': async () => () => data.admin.idempotency.sweep(),
  'relocations.sweep': async () => () => data.admin.relocations.sweep(),
};

it.each(Object.entries(cases))('%s asks servers of one snapshot', async (_, prepare) => {
  const work = await prepare();
  const asked = swapAtEachRead();
  await work();
  expect([...asked]).toHaveLength(1);
  expect(asked).not.toContain(0);
});

it('the next call of one handle is on the next snapshot', async () => {
  const account = accountOn('tx-1', data.transactions);
  const at = data.transactions.at(account);
  const asked = swapAtEachRead();
  await at.list();
  await at.list();
  expect([...asked]).toHaveLength(2);
  expect(asked).not.toContain(0);
});

it('what an older snapshot led to is not kept', async () => {
  const { id } = await user();
  const asked = swapAtEachRead();
  await data.users.get(id);
  await data.users.get(id);
  expect([...asked]).toHaveLength(2);
});
