import { createDataLayer, defineTable } from 'meridian';
import { startLocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import { z } from 'zod';
import { awaitLoop, compare } from './measure.ts';
import type { Result } from './result.ts';

const cache = { ttlMs: 600_000 };

const users = defineTable({
  name: 'users',
  keyspace: 'people',
  primaryKey: 'id',
  place: ({ country }) => ({ country }),
  schema: z.object({ id: z.uuid(), country: z.string().length(2), phone: z.string() }),
  columns: { id: 'uuid-binary' },
  cache,
  lookups: { phone: { unique: true } },
});

const people = 1_000;

/** A row by its phone number against the same row by its id, all in memory. */
export async function lookingUp(): Promise<Result> {
  const cluster = await startLocalCluster({ shards: ['eu-1', 'tx-1'], redis: false });
  try {
    const peopleUrl = cluster.shards['eu-1'].primary.url;
    const setup = await createConnection(peopleUrl);
    await setup.query(
      'CREATE TABLE users (id BINARY(16) PRIMARY KEY, country CHAR(2) NOT NULL, phone VARCHAR(20) NOT NULL)',
    );
    await setup.end();
    const data = await createDataLayer({
      topology: {
        epoch: 1,
        regions: { eu: { code: 1, location: [50.1, 8.7], countries: ['DE'] } },
        shards: {
          'eu-1': { region: 'eu', primary: peopleUrl },
          'tx-1': { region: 'eu', primary: cluster.shards['tx-1'].primary.url },
        },
        keyspaces: {
          people: { code: 1, strategy: 'geo', shards: ['eu-1'] },
          ledger: { code: 2, strategy: 'hash', shards: ['tx-1'] },
        },
      },
      tables: { users },
      redis: false,
      systemTables: 'create',
      directory: { keyspace: 'ledger', keys: ['a key for this bench alone'] },
    });
    try {
      const rows = await data.users.insertMany(
        Array.from({ length: people }, (_, index) => ({ country: 'DE', phone: `+49${index}` })),
      );
      const ids = rows.map(({ id }) => id);
      const phones = rows.map(({ phone }) => phone);
      const [byId, byPhone] = await compare(
        {
          get: awaitLoop((index) => data.users.get(ids[index % people] ?? '')),
          by: awaitLoop((index) => data.users.by('phone', phones[index % people] ?? '').get()),
        },
        { rounds: 9, ms: 400 },
      );
      const ratio = (byId?.perSecond ?? 0) / (byPhone?.perSecond ?? 1);
      return {
        name: "by('phone', …).get() against get(id), all in memory",
        value: `${ratio.toFixed(2)} × the time`,
        target: '≤ 2.2 ×',
        met: ratio <= 2.2,
        figures: { ratio, byIdPerSecond: byId?.perSecond, byPhonePerSecond: byPhone?.perSecond },
      };
    } finally {
      await data.close();
    }
  } finally {
    await cluster.stop();
  }
}
