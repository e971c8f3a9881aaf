import { createDataLayer, type DataLayer } from 'meridian';
import type { LocalCluster } from 'meridian/testing';
import { createConnection } from 'mysql2/promise';
import * as inventory from '../inventory/tables.ts';
import * as payment from '../payment/tables.ts';
import * as auth from '../user-auth/tables.ts';
import { type ShardName, shardsOf } from './topology.ts';

const id = 'CHAR(36) CHARACTER SET ascii COLLATE ascii_bin';
const code = 'VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin';

const everywhere = [`CREATE TABLE items (code ${code} PRIMARY KEY, cents INT NOT NULL)`];

const ofKeyspace = {
  people: [
    ...everywhere,
    `CREATE TABLE users (
      id ${id} PRIMARY KEY, country CHAR(2) NOT NULL, phone VARCHAR(16) NOT NULL,
      name VARCHAR(100) NOT NULL, role VARCHAR(10) NOT NULL)`,
    `CREATE TABLE credentials (user_id ${id} PRIMARY KEY, password VARCHAR(100) NOT NULL)`,
    `CREATE TABLE sessions (
      id ${id} PRIMARY KEY, user_id ${id} NOT NULL, secret CHAR(64) NOT NULL,
      expires_at DATETIME(3) NOT NULL, KEY (user_id))`,
  ],
  ledger: [
    ...everywhere,
    `CREATE TABLE accounts (
      id ${id} PRIMARY KEY, owner_id ${id} NOT NULL, name VARCHAR(40) NOT NULL,
      cents BIGINT NOT NULL, KEY (owner_id))`,
    `CREATE TABLE transactions (
      id ${id} PRIMARY KEY, owner_id ${id} NOT NULL, account_id ${id} NOT NULL,
      kind VARCHAR(20) NOT NULL, once VARCHAR(120) CHARACTER SET ascii COLLATE ascii_bin NULL, item ${code} NULL, cents BIGINT NOT NULL,
      region VARCHAR(20) NOT NULL, at DATETIME(3) NOT NULL, KEY (owner_id, account_id),
      UNIQUE KEY (owner_id, once))`,
    `CREATE TABLE stock (item ${code} PRIMARY KEY, pieces INT NOT NULL)`,
    `CREATE TABLE reservations (
      id ${id} PRIMARY KEY, item ${code} NOT NULL, pieces INT NOT NULL,
      checkout VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      UNIQUE KEY (item, checkout))`,
  ],
};

const tables = { ...auth.tables, ...payment.tables, ...inventory.tables };
export type ShopData = DataLayer<typeof tables>;

/** What an operator does once: the tables, Meridian's own, and something to sell. */
export async function prepare(
  cluster: LocalCluster<ShardName>,
  topology: string,
  directoryKey: string,
): Promise<ShopData> {
  for (const [keyspace, statements] of Object.entries(ofKeyspace)) {
    for (const shard of shardsOf(keyspace)) {
      const connection = await createConnection(cluster.shards[shard].primary.adminUrl);
      for (const statement of statements) await connection.query(statement);
      await connection.end();
    }
  }
  return createDataLayer({
    topology,
    region: 'eu',
    tables,
    redis: cluster.redis.url,
    systemTables: 'create',
    directory: { keyspace: 'ledger', keys: [directoryKey] },
    logger: false,
  });
}
