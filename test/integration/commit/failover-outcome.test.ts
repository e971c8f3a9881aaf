import { createDataLayer, type DataLayer } from 'meridian';
import {
  type ChaosProxy,
  type LocalCluster,
  startChaosProxy,
  startLocalCluster,
} from 'meridian/testing';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf } from '../../support/cluster.ts';
import { type AddressSwitch, addressOf } from '../../support/servers/address-switch.ts';
import { ddl, tables as standard } from '../../support/tables.ts';

const tables = { transactions: standard.transactions };

let cluster: LocalCluster<'tx-1', undefined>;
let address: AddressSwitch;
let proxy: ChaosProxy;
let data: DataLayer<typeof tables>;

const primary = () => cluster.shards['tx-1'].primary;
const replica = () => {
  const [server] = cluster.shards['tx-1'].replicas;
  if (server === undefined) throw new TypeError('the cluster has a replica');
  return server;
};

async function sql(uri: string, ...statements: string[]) {
  const connection = await mysql.createConnection({ uri });
  try {
    let rows: unknown;
    for (const statement of statements) [rows] = await connection.query(statement);
    return Array.isArray(rows) ? rows : [];
  } finally {
    await connection.end();
  }
}

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: ['tx-1'], replicas: 1, redis: false });
  await sql(primary().adminUrl, ...ddl.ledger);
  address = await addressOf(primary().url);
  proxy = await startChaosProxy({ target: address.url });
  data = await createDataLayer({
    topology: {
      epoch: 1,
      regions: { eu: { code: 1, location: [50, 8], countries: ['DE'], default: true } },
      shards: { 'tx-1': { region: 'eu', primary: proxy.urlFor(primary().url) } },
      keyspaces: { ledger: { code: 1, strategy: 'hash', shards: ['tx-1'] } },
    },
    tables,
    redis: false,
    systemTables: 'create',
    logger: false,
  });
});

afterAll(async () => {
  await data.close();
  await proxy.close();
  await address.close();
  await cluster.stop();
});

it('after a failover the absence of a key proves nothing', async () => {
  const follow = 'SHOW TABLES';
  // The replica has the tables, and hears of nothing that comes later.
  await expect.poll(() => sql(replica().adminUrl, follow)).toHaveLength(4);
  await sql(replica().adminUrl, 'STOP REPLICA', 'SET GLOBAL read_only = OFF');
  const dropped = proxy.dropNextCommitReply();
  const idempotencyKey = 'order-1';
  let runs = 0;
  const pay = () =>
    data.transactions.at('a').transaction(
      async (trx) => {
        runs++;
        await trx.transactions.insert({ account_id: 'a', cents: 1n });
        address.leadTo(replica().url);
      },
      { idempotencyKey, retries: 3 },
    );
  const error = await failureOf(pay());
  await dropped.happened;
  expect(error).toMatchObject({ code: 'MERIDIAN_UNKNOWN_OUTCOME', outcome: 'unknown' });
  expect(runs).toBe(1);
  expect(await sql(primary().adminUrl, 'SELECT id FROM transactions')).toHaveLength(1);
  expect(await sql(replica().adminUrl, 'SELECT id FROM transactions')).toHaveLength(0);
});

it('the same server, killed and back, is believed', async () => {
  address.leadTo(primary().url);
  proxy.reset();
  const dropped = proxy.dropNextCommitReply();
  const paid = data.transactions.insert(
    { account_id: 'b', cents: 1n },
    { idempotencyKey: 'order-2', timeoutMs: 20_000 },
  );
  await dropped.happened;
  await primary().kill();
  await primary().restart();
  const row = await paid;
  expect(await data.transactions.get(row.id)).toEqual(row);
  expect(
    await sql(primary().adminUrl, "SELECT id FROM transactions WHERE account_id = 'b'"),
  ).toHaveLength(1);
});
