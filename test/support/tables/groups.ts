import { defineTable } from 'meridian';
import { z } from 'zod';
import type { TestCluster } from '../cluster.ts';
import { tables } from '../tables.ts';

const { users } = tables;

/** `users` with two tables that belong to it: ids as bytes in one, as text in the other. */
export const group = {
  users,
  addresses: defineTable({
    name: 'addresses',
    group: users,
    ownerKey: 'user_id',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid(), user_id: z.uuid(), city: z.string() }),
    columns: { id: 'uuid-binary', user_id: 'uuid-binary' },
    cache: { ttlMs: 60_000 },
  }),
  notes: defineTable({
    name: 'notes',
    group: users,
    ownerKey: 'owner',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid(), owner: z.uuid(), text: z.string(), at: z.date() }),
  }),
};

/** Creates the tables of the group's members; those of `users` are there. */
export async function createGroupTables(cluster: TestCluster): Promise<void> {
  for (const shard of ['eu-1', 'us-1'] as const) {
    await cluster.sql(
      shard,
      `CREATE TABLE addresses (id BINARY(16) PRIMARY KEY, user_id BINARY(16) NOT NULL,
        city VARCHAR(100) NOT NULL, KEY (user_id))`,
    );
    await cluster.sql(
      shard,
      `CREATE TABLE notes (id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
        owner CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, text VARCHAR(100) NOT NULL,
        at DATETIME(3) NOT NULL, weight FLOAT NOT NULL DEFAULT 0.1, KEY (owner))`,
    );
  }
}
