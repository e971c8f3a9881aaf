import { defineTable } from 'meridian';
import { z } from 'zod';
import type { TestCluster } from '../cluster.ts';

const schema = z.object({
  id: z.uuid(),
  country: z.string().length(2),
  name: z.string(),
  phone: z.string().nullable(),
  handle: z.string().nullable(),
  serial: z.int().nullable(),
});

const shared = {
  name: 'members',
  keyspace: 'people',
  primaryKey: 'id',
  place: (member: { country: string }) => ({ country: member.country }),
  schema,
  columns: { id: 'uuid-binary' },
  lookups: {
    phone: { unique: true, normalize: (phone: string) => phone.replace(/[^+\d]/g, '') },
    handle: { unique: true, personal: false, normalize: (handle: string) => handle.toLowerCase() },
    serial: { unique: true },
  },
} as const;

/** Members of two regions, found by phone, handle or serial number. */
export const members = defineTable(shared);
export const cachedMembers = defineTable({ ...shared, cache: { ttlMs: 60_000 } });

/** The same table before it declared any lookup. */
export const plainMembers = defineTable({ ...shared, lookups: {} });

export const directoryKey = 'a secret of the tests';

export async function createMembers(cluster: TestCluster): Promise<void> {
  for (const shard of ['eu-1', 'us-1'] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE members (
        id BINARY(16) PRIMARY KEY, country CHAR(2) NOT NULL, name VARCHAR(100) NOT NULL,
        phone VARCHAR(40), handle VARCHAR(40), serial INT)`,
    );
  }
}

/** A row as `insert` takes it, with no value that is unique. */
export const nobody = { country: 'DE', name: 'Nobody', phone: null, handle: null, serial: null };

export async function clearMembers(cluster: TestCluster): Promise<void> {
  for (const shard of ['eu-1', 'us-1'] as const) {
    await cluster.sql(shard, 'DELETE FROM members');
    await cluster.sql(shard, 'DELETE FROM meridian_settlement');
  }
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(shard, 'DELETE FROM meridian_directory');
  }
}

/** All entries of the directory, without their values. */
export async function directoryEntries(cluster: TestCluster) {
  const perShard = await Promise.all(
    (['tx-1', 'tx-2'] as const).map((shard) =>
      cluster.sql(
        shard,
        'SELECT lookup, CONVERT(row_key USING utf8mb4) AS rowKey, state FROM meridian_directory',
      ),
    ),
  );
  return perShard
    .flat()
    .map(({ lookup, rowKey, state }) => ({ lookup, rowKey, state }))
    .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** How many settlement marks there are. */
export async function marks(cluster: TestCluster): Promise<number> {
  const perShard = await Promise.all(
    (['eu-1', 'us-1'] as const).map((shard) =>
      cluster.sql(shard, 'SELECT COUNT(*) AS n FROM meridian_settlement'),
    ),
  );
  return perShard.flat().reduce((sum, { n }) => sum + Number(n), 0);
}
