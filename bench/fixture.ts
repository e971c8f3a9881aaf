import { createDataLayer, defineTable, uuidToBytes } from 'meridian';
import { startLocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import { z } from 'zod';

const schema = z.object({ id: z.uuid(), country: z.string().length(2), name: z.string() });
const shared = {
  name: 'users',
  keyspace: 'people',
  primaryKey: 'id',
  place: (user: { country: string }) => ({ country: user.country }),
  schema,
  columns: { id: 'uuid-binary' },
} as const;

/** The same table twice: once read straight from its shard, once through the cache. */
const tables = {
  plain: defineTable(shared),
  cached: defineTable({ ...shared, cache: { ttlMs: 600_000, memoryTtlMs: 600_000 } }),
};

const rows = 10_000;
export const connections = 10;

/** One shard with 10,000 users, a data layer on it, and their ids. */
export async function openBench() {
  const cluster = await startLocalCluster({ shards: ['eu-1'], redis: true });
  const url = cluster.shards['eu-1']?.primary.url ?? '';
  const setup = await createConnection(url);
  await setup.query(
    'CREATE TABLE users (id BINARY(16) PRIMARY KEY, country CHAR(2) NOT NULL, name VARCHAR(100) NOT NULL)',
  );
  await setup.end();
  const data = await createDataLayer({
    topology: {
      epoch: 1,
      regions: { eu: { code: 1, location: [50.1, 8.7], countries: ['DE'] } },
      shards: { 'eu-1': { region: 'eu', primary: url } },
      keyspaces: { people: { code: 1, strategy: 'geo', shards: ['eu-1'] } },
    },
    tables,
    redis: cluster.redis?.url ?? false,
    systemTables: 'create',
    pool: { connections },
  });
  const stored = await data.plain.insertMany(
    Array.from({ length: rows }, (_, index) => ({ country: 'DE', name: `Resident ${index}` })),
  );
  const ids = stored.map(({ id }) => id);
  return {
    data,
    url,
    ids,
    keys: ids.map((id) => uuidToBytes(id)),
    async close() {
      await data.close();
      await cluster.stop();
    },
  };
}
