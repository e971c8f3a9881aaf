import { createDataLayer, type DataLayerOptions, defineTable, uuidToBytes } from 'meridian';
import { startLocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import { z } from 'zod';

const schema = z.object({ id: z.uuid(), country: z.string().length(2), name: z.string() });
const shared = {
  keyspace: 'people',
  primaryKey: 'id',
  place: (user: { country: string }) => ({ country: user.country }),
  schema,
  columns: { id: 'uuid-binary' },
} as const;

const cache = { ttlMs: 600_000 };

/** Two tables of one shape: one read straight from its shard, one through the cache. */
const tables = {
  plain: defineTable({ ...shared, name: 'users' }),
  cached: defineTable({ ...shared, name: 'cached_users', cache }),
};

const rows = 10_000;
const hotRows = 1_000;
export const connections = 10;

/** One shard with 10,000 users, a data layer on it, and their ids. */
export async function openBench() {
  const cluster = await startLocalCluster({ shards: ['eu-1'], redis: true });
  const url = cluster.shards['eu-1']?.primary.url ?? '';
  const setup = await createConnection(url);
  for (const table of ['users', 'cached_users']) {
    await setup.query(
      `CREATE TABLE ${table} (id BINARY(16) PRIMARY KEY, country CHAR(2) NOT NULL, name VARCHAR(100) NOT NULL)`,
    );
  }
  await setup.end();
  const options: DataLayerOptions<typeof tables> = {
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
  };
  const data = await createDataLayer(options);
  const stored = await data.plain.insertMany(
    Array.from({ length: rows }, (_, index) => ({ country: 'DE', name: `Resident ${index}` })),
  );
  const hot = await data.cached.insertMany(
    stored.slice(0, hotRows).map(({ country, name }) => ({ country, name })),
  );
  const ids = stored.map(({ id }) => id);
  return {
    data,
    url,
    ids,
    hotIds: hot.map(({ id }) => id),
    keys: ids.map((id) => uuidToBytes(id)),
    /** Another data layer on the same servers. */
    open: (observed: Pick<DataLayerOptions<typeof tables>, 'logger' | 'observers'>) =>
      createDataLayer({ ...options, ...observed }),
    async close() {
      await data.close();
      await cluster.stop();
    },
  };
}
