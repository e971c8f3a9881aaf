import { defineTable, isMeridianError } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';

/** An error of unknown outcome tells the id of a row that lands later: whoever asks for it meanwhile finds none. */

const payments = defineTable({
  name: 'payments',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'account',
  schema: z.object({ id: z.uuid(), account: z.string(), cents: z.int() }),
  cache: { ttlMs: 60_000, negativeTtlMs: 60_000, memory: false },
});
type Tables = { payments: typeof payments };
type Row = { readonly id: string; readonly account: string; readonly cents: number };

let cluster: TestCluster;
let proxy: ChaosProxy;
let writer: Opened<Tables>;
let reader: Opened<Tables>;
let account: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      'CREATE TABLE payments (id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, account VARCHAR(40) NOT NULL, cents INT NOT NULL)',
    );
  }
  const { proxy: before, url } = await cluster.proxy('tx-1');
  proxy = before;
  writer = await cluster.openWith({ payments }, { topology: cluster.topology({ 'tx-1': url }) });
  reader = await cluster.openWith({ payments });
  for (let number = 0; ; number++) {
    account = `account-${number}`;
    const { id } = await writer.data.payments.insert({ account, cents: 0 });
    if (writer.data.payments.explain(id).shard === 'tx-1') break;
  }
});

afterAll(() => cluster.stop());

/** The error of an insert that is sent, and lands once nobody hears of it any more. */
async function landsLate(
  insert: () => Promise<unknown>,
  seen: () => Promise<void>,
): Promise<unknown> {
  const rival = await mysql.createConnection(cluster.cluster.shards['tx-1'].primary.adminUrl);
  try {
    await rival.query('LOCK TABLES payments READ');
    const failing = failureOf(insert());
    await expect.poll(() => cluster.running('tx-1', 'insert into `payments`%')).toBe(1);
    proxy.blackHole();
    proxy.reset();
    const error = await failing;
    expect(error).toMatchObject({ outcome: 'unknown', ended: expect.any(Promise) });
    await seen();
    await rival.query('UNLOCK TABLES');
    return error;
  } finally {
    await rival.end();
  }
}

const landed = (cents: number) =>
  eventually(async () => {
    const rows = await cluster.sql('tx-1', 'SELECT id FROM payments WHERE cents = ?', [cents]);
    expect(rows).toHaveLength(1);
  });

it('a row whose insert landed late is found once its error says that it is over', async () => {
  let id = '';
  const error = await landsLate(
    async () => {
      try {
        await writer.data.payments.insert({ account, cents: 1 });
      } catch (failed) {
        id = String(isMeridianError(failed) && failed.context.id);
        throw failed;
      }
    },
    async () => expect(await reader.data.payments.get(id)).toBeNull(),
  );
  await landed(1);
  proxy.heal();
  expect(isMeridianError(error) && (await error.ended)).toBe('over');
  expect(await reader.data.payments.get(id)).toMatchObject({ cents: 1 } satisfies Partial<Row>);
});
