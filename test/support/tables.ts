import { defineTable } from 'meridian';
import { z } from 'zod';

/** The tables that most integration tests use: `users` is cached, `transactions` is not. */
export const tables = {
  users: defineTable({
    name: 'users',
    keyspace: 'people',
    primaryKey: 'id',
    place: (user) => ({ country: user.country }),
    schema: z.object({ id: z.uuid(), country: z.string().length(2), name: z.string() }),
    columns: { id: 'uuid-binary' },
    cache: { ttlMs: 60_000, staleMs: 60_000 },
  }),
  transactions: defineTable({
    name: 'transactions',
    keyspace: 'ledger',
    primaryKey: 'id',
    shardKey: 'account_id',
    schema: z.object({ id: z.uuid(), account_id: z.string(), cents: z.bigint() }),
  }),
};

/** What creates them, by keyspace. */
export const ddl = {
  people: [
    `CREATE TABLE users (
      id BINARY(16) PRIMARY KEY, country CHAR(2) NOT NULL, name VARCHAR(100) NOT NULL)`,
  ],
  ledger: [
    `CREATE TABLE transactions (
      id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
      account_id VARCHAR(64) NOT NULL, cents BIGINT NOT NULL, KEY (account_id))`,
  ],
};
