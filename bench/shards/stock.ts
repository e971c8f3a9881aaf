import { createDataLayer, defineTable, type TopologyDocument } from 'meridian';
import { startLocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import { z } from 'zod';

/** What contenders in processes of their own work with. */
export const stockSchema = z.object({
  urls: z.array(z.string()),
  /** Ids of users, and the number of the shard that each is on: hand-written code would work it out by a hash. */
  users: z.array(z.object({ id: z.string(), shard: z.int() })),
  accounts: z.array(z.object({ id: z.string(), shard: z.int() })),
});
export type Stock = z.infer<typeof stockSchema>;

const id = 'CHAR(36) CHARACTER SET ascii COLLATE ascii_bin';
const ddl = [
  `CREATE TABLE users (id ${id} PRIMARY KEY, country CHAR(2) NOT NULL, name VARCHAR(100) NOT NULL, created_at DATETIME(3) NOT NULL)`,
  `CREATE TABLE transactions (id ${id} PRIMARY KEY, account_id ${id} NOT NULL, cents BIGINT NOT NULL, ` +
    'created_at DATETIME(3) NOT NULL, KEY (account_id), KEY (cents))',
];

export const tables = {
  users: defineTable({
    name: 'users',
    keyspace: 'main',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid(), country: z.string(), name: z.string(), created_at: z.date() }),
  }),
  transactions: defineTable({
    name: 'transactions',
    keyspace: 'main',
    primaryKey: 'id',
    shardKey: 'account_id',
    schema: z.object({
      id: z.uuid(),
      account_id: z.uuid(),
      cents: z.bigint(),
      created_at: z.date(),
    }),
  }),
};

export function topologyOf(urls: readonly string[]): TopologyDocument {
  const names = urls.map((_, index) => `s${index}`);
  return {
    epoch: 1,
    regions: { eu: { code: 1, location: [50.1, 8.7], countries: ['DE'] } },
    shards: Object.fromEntries(urls.map((url, at) => [`s${at}`, { region: 'eu', primary: url }])),
    keyspaces: { main: { code: 1, strategy: 'hash', shards: names } },
  };
}

/** Four shards with 10,000 users and as many transactions of 1,000 accounts. */
export async function openStock(): Promise<{ stock: Stock; close(): Promise<void> }> {
  const names = ['s0', 's1', 's2', 's3'] as const;
  const cluster = await startLocalCluster({ shards: names });
  const urls = names.map((name) => cluster.shards[name].primary.url);
  for (const url of urls) {
    const setup = await createConnection(url);
    for (const statement of ddl) await setup.query(statement);
    await setup.end();
  }
  const topology = topologyOf(urls);
  const data = await createDataLayer({ topology, tables, redis: false, systemTables: 'create' });
  const created_at = new Date();
  const named = Array.from({ length: 10_000 }, (_, index) => ({
    country: 'DE',
    name: `Resident ${index}`,
    created_at,
  }));
  const placed = (handle: { explain(id: string): { shard: string } }, ids: readonly string[]) =>
    ids.map((own) => ({ id: own, shard: Number(handle.explain(own).shard.slice(1)) }));
  const users = (await data.users.insertMany(named)).map((row) => row.id);
  const accounts = Array.from({ length: 1_000 }, () => crypto.randomUUID());
  await data.transactions.insertMany(
    named.map((_, index) => ({
      account_id: accounts[index % accounts.length] ?? '',
      cents: BigInt((index * 7_919) % 1_000_003),
      created_at,
    })),
  );
  const stock = {
    urls,
    users: placed(data.users, users),
    accounts: placed(data.transactions, accounts),
  };
  await data.close();
  return { stock, close: () => cluster.stop() };
}
