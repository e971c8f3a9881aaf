import { createDataLayer, defineTable } from 'meridian';
import { startLocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import { z } from 'zod';
import { closedLoop, compare, median } from './measure.ts';
import type { Result } from './result.ts';

const users = defineTable({
  name: 'users',
  keyspace: 'people',
  primaryKey: 'id',
  place: ({ country }) => ({ country }),
  schema: z.object({ id: z.uuid(), country: z.string().length(2), name: z.string() }),
  columns: { id: 'uuid-binary' },
});

const member = {
  group: users,
  ownerKey: 'user_id',
  primaryKey: 'id',
  schema: z.object({ id: z.uuid(), user_id: z.uuid(), city: z.string() }),
  columns: { id: 'uuid-binary', user_id: 'uuid-binary' },
} as const;

/** Two tables of one shape: one gets the fence that a first departure brings, the other does not. */
const addresses = defineTable({ ...member, name: 'addresses' });
const unfenced = defineTable({ ...member, name: 'unfenced' });

const regions = {
  eu: { code: 1, location: [50.1, 8.7] as [number, number], countries: ['DE'] },
  us: { code: 2, location: [39, -77.5] as [number, number], countries: ['US'] },
};
const ownedRows = 1_000;

/** What it costs to move owners, and what it costs those who stay. */
export async function moving(): Promise<Result[]> {
  const cluster = await startLocalCluster({ shards: ['eu-1', 'us-1'], redis: false });
  const urls = [cluster.shards['eu-1'].primary.url, cluster.shards['us-1'].primary.url] as const;
  try {
    for (const url of urls) {
      const setup = await createConnection(url);
      await setup.query(
        'CREATE TABLE users (id BINARY(16) PRIMARY KEY, country CHAR(2) NOT NULL, name VARCHAR(100) NOT NULL)',
      );
      for (const table of ['addresses', 'unfenced']) {
        await setup.query(
          `CREATE TABLE ${table} (id BINARY(16) PRIMARY KEY, user_id BINARY(16) NOT NULL,
            city VARCHAR(100) NOT NULL, KEY (user_id))`,
        );
      }
      await setup.end();
    }
    const topology = {
      epoch: 1,
      regions,
      shards: {
        'eu-1': { region: 'eu', primary: urls[0] },
        'us-1': { region: 'us', primary: urls[1] },
      },
      keyspaces: { people: { code: 1, strategy: 'geo' as const, shards: ['eu-1', 'us-1'] } },
    };
    const common = { topology, region: 'eu', redis: false, systemTables: 'create' } as const;
    const data = await createDataLayer({ ...common, tables: { users, addresses } });
    const beside = await createDataLayer({ ...common, tables: { users, unfenced } });
    try {
      return [await relocating(data), await fencing(data, beside)];
    } finally {
      await data.close();
      await beside.close();
    }
  } finally {
    await cluster.stop();
  }
}

type Data = Awaited<
  ReturnType<typeof createDataLayer<{ users: typeof users; addresses: typeof addresses }>>
>;
type Beside = Awaited<
  ReturnType<typeof createDataLayer<{ users: typeof users; unfenced: typeof unfenced }>>
>;

async function relocating(data: Data): Promise<Result> {
  const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
  await data.addresses.insertMany(
    Array.from({ length: ownedRows - 1 }, (_, index) => ({ user_id: id, city: `City ${index}` })),
  );
  const times: number[] = [];
  const pauses: number[] = [];
  for (let round = 0; round < 7; round++) {
    const start = performance.now();
    const { pausedMs } = await data.users.relocate(id, { country: round % 2 === 0 ? 'US' : 'DE' });
    times.push(performance.now() - start);
    pauses.push(pausedMs);
  }
  const ms = median(times);
  const pausedMs = median(pauses);
  return {
    name: `relocate, ${ownedRows} rows`,
    value: `${ms.toFixed(0)} ms, writers paused ${pausedMs.toFixed(0)} ms`,
    target: '< 2,000 ms',
    met: ms < 2_000,
    figures: { ms, pausedMs, worstMs: Math.max(...times) },
  };
}

/** One writer at a time: the round trip then is the least that hides the trigger. */
async function fencing(data: Data, beside: Beside): Promise<Result> {
  const { id } = await data.users.insert({ country: 'DE', name: 'Bob' });
  const [fenced, plain] = await compare(
    {
      fenced: closedLoop(1, () => data.addresses.insert({ user_id: id, city: 'Bonn' })),
      plain: closedLoop(1, () => beside.unfenced.insert({ user_id: id, city: 'Bonn' })),
    },
    { rounds: 9, ms: 500 },
  );
  const fencedUs = (fenced?.p50Ms ?? 0) * 1_000;
  const plainUs = (plain?.p50Ms ?? 0) * 1_000;
  return {
    name: 'insert of a member where owners have left',
    value: `${fencedUs.toFixed(0)} µs against ${plainUs.toFixed(0)} µs without the fence`,
    figures: { fencedUs, plainUs },
  };
}
