import { createDataLayer, defineTable } from 'meridian';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { z } from 'zod';

const tables = {
  entries: defineTable({
    name: 'entries',
    keyspace: 'ledger',
    primaryKey: 'id',
    shardKey: 'owner',
    schema: z.object({ id: z.uuid(), owner: z.string(), label: z.string() }),
    columns: { id: 'uuid-binary' },
  }),
};

/** A table of labels on one shard, seen through a proxy, and counted past it. */
export async function openLedger(url: string, adminUrl: string) {
  const admin = async (sql: string) => {
    const connection = await createConnection(adminUrl);
    try {
      const [rows] = await connection.query<RowDataPacket[]>(sql);
      return rows;
    } finally {
      await connection.end();
    }
  };
  await admin('DROP TABLE IF EXISTS entries');
  await admin(
    'CREATE TABLE entries (id BINARY(16) PRIMARY KEY, owner VARCHAR(40) NOT NULL, label VARCHAR(40) NOT NULL, KEY (owner))',
  );
  let retries = 0;
  const data = await createDataLayer({
    topology: {
      epoch: 1,
      regions: { eu: { code: 1, location: [50, 8], countries: ['DE'], default: true } },
      shards: { 'tx-0': { region: 'eu', primary: url } },
      keyspaces: { ledger: { code: 1, strategy: 'hash', shards: ['tx-0'] } },
    },
    tables,
    redis: false,
    systemTables: 'create',
    logger: false,
    // What is measured is what becomes of a call that is made, not of one that is refused.
    breaker: { failures: 1_000_000 },
    observers: [
      ({ type }) => {
        if (type === 'retry') retries++;
      },
    ],
  });
  return {
    data,
    admin,
    get retries() {
      return retries;
    },
    /** How often each label is stored. */
    async counts(): Promise<Map<string, number>> {
      const rows = await admin('SELECT label, COUNT(*) AS n FROM entries GROUP BY label');
      return new Map(rows.map(({ label, n }) => [String(label), Number(n)]));
    },
  };
}
