import { type DataLayer, defineTable, type NewRow, type Row } from 'meridian';
import type { MysqlServer } from 'meridian/testing';
import { type Connection, createConnection } from 'mysql2/promise';
import { z } from 'zod';
import { type Cluster, ledgerShards, peopleShards } from './topology.ts';

export const users = defineTable({
  name: 'users',
  keyspace: 'people',
  primaryKey: 'id',
  // The country decides where a region lists it, else the coordinates do.
  place: (user) => ({ country: user.country, location: [user.latitude, user.longitude] }),
  schema: z.object({
    id: z.uuid(),
    country: z.string().length(2),
    city: z.string().max(120),
    latitude: z.number(),
    longitude: z.number(),
    name: z.string().max(160),
  }),
  columns: { id: 'uuid-binary' },
  // Short, so that within the demo's outage rows outlive it and are served stale.
  cache: { ttlMs: 4_000, staleMs: 60_000 },
});

export const transactions = defineTable({
  name: 'transactions',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'account_id',
  schema: z.object({
    id: z.uuid(),
    account_id: z.string(),
    cents: z.bigint(),
    note: z.string().max(60),
  }),
  columns: { id: 'uuid-binary' },
});

export const tables = { users, transactions };

export type Data = DataLayer<typeof tables>;
export type User = Row<typeof users>;
export type NewUser = NewRow<typeof users>;
export type Payment = Row<typeof transactions>;
export type NewPayment = NewRow<typeof transactions>;

const usersDdl = `CREATE TABLE users (
  id BINARY(16) PRIMARY KEY,
  country CHAR(2) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  city VARCHAR(120) NOT NULL,
  latitude DOUBLE NOT NULL,
  longitude DOUBLE NOT NULL,
  name VARCHAR(160) NOT NULL
)`;

const transactionsDdl = `CREATE TABLE transactions (
  id BINARY(16) PRIMARY KEY,
  account_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  cents BIGINT NOT NULL,
  note VARCHAR(60) NOT NULL,
  KEY (account_id)
)`;

/** What a service's migrations do: Meridian checks tables at startup and never makes them. */
export async function createTables({ shards }: Cluster): Promise<void> {
  const make = (ddl: string) => (name: keyof typeof shards) =>
    asAdmin(shards[name].primary, (connection) => connection.query(ddl));
  await Promise.all([
    ...peopleShards.map(make(usersDdl)),
    ...ledgerShards.map(make(transactionsDdl)),
  ]);
}

/** Asks a server directly, past Meridian: what is checked must not come from what is checked. */
export async function asAdmin<T>(
  { adminUrl }: MysqlServer,
  ask: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await createConnection(adminUrl);
  try {
    return await ask(connection);
  } finally {
    await connection.end();
  }
}
