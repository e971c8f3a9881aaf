import { defineTable } from 'meridian';
import { z } from 'zod';
import type { TestCluster } from '../cluster.ts';
import { cachedMembers } from './members.ts';

/** Belong to members, wherever these live, and are found by their number. */
export const cards = defineTable({
  name: 'cards',
  group: cachedMembers,
  ownerKey: 'member',
  primaryKey: 'id',
  schema: z.object({ id: z.uuid(), member: z.uuid(), number: z.string().nullable() }),
  columns: { id: 'uuid-binary', member: 'uuid-binary' },
  cache: { ttlMs: 60_000 },
  lookups: { number: { unique: true } },
});
export async function createCards(cluster: TestCluster): Promise<void> {
  for (const shard of ['eu-1', 'us-1'] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE cards (id BINARY(16) PRIMARY KEY, member BINARY(16) NOT NULL,
        number VARCHAR(40), KEY (member))`,
    );
  }
}
