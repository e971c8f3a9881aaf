import { createDataLayer, defineTable } from 'meridian';
import { startLocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import { z } from 'zod';

// Two real database servers and a Redis. In production these are yours.
await using cluster = await startLocalCluster({ shards: ['eu-1', 'us-1'] });
for (const { primary } of Object.values(cluster.shards)) {
  const connection = await createConnection(primary.url);
  await connection.query(`
    CREATE TABLE users (
      id BINARY(16) NOT NULL PRIMARY KEY,
      country CHAR(2) NOT NULL,
      name VARCHAR(200) NOT NULL
    )`);
  await connection.end();
}

// A table: one zod type a column, and where a new row lives.
const users = defineTable({
  name: 'users',
  keyspace: 'people',
  primaryKey: 'id',
  place: (user) => ({ country: user.country }),
  schema: z.object({ id: z.uuid(), country: z.string().length(2), name: z.string() }),
  columns: { id: 'uuid-binary' },
  cache: { ttlMs: 60_000 },
});

await using data = await createDataLayer({
  topology: {
    epoch: 1,
    regions: {
      eu: { code: 1, location: [50.1, 8.7], countries: ['DE', 'FR'] },
      us: { code: 2, location: [39.0, -77.5], countries: ['US'], default: true },
    },
    shards: {
      'eu-1': { region: 'eu', primary: cluster.shards['eu-1'].primary.url },
      'us-1': { region: 'us', primary: cluster.shards['us-1'].primary.url },
    },
    keyspaces: { people: { code: 1, strategy: 'geo', shards: ['eu-1', 'us-1'] } },
  },
  region: 'eu',
  tables: { users },
  redis: cluster.redis.url,
  systemTables: 'create',
});

const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
const grace = await data.users.insert({ country: 'US', name: 'Grace' });

console.log(await data.users.get(ada.id)); // from its shard, and from the cache the next time
for (const { id, name } of [ada, grace]) {
  console.log(`${name}: ${data.users.explain(id).because}`);
}

await data.users.update(ada.id, { name: 'Ada Lovelace' });
console.log(await data.users.getMany([ada.id, grace.id])); // own writes are seen

const everybody = await data.users.everywhere.query(
  'SELECT name, country FROM users ORDER BY name LIMIT 10',
  [],
  { merge: { orderBy: [['name', 'asc']], limit: 10 } },
);
console.log(everybody);
