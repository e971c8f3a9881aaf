import { Redis } from 'ioredis';
import { defineTable } from 'meridian';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, TestCluster } from '../../support/cluster.ts';

const payments = defineTable({
  name: 'payments',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'account',
  schema: z.object({ id: z.uuid(), account: z.string(), cents: z.int() }),
  cache: { ttlMs: 60_000, memory: false },
});

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of ['tx-1', 'tx-2'] as const) {
    await cluster.sql(
      shard,
      'CREATE TABLE payments (id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY, account VARCHAR(40) NOT NULL, cents INT NOT NULL)',
    );
  }
});

afterAll(() => cluster.stop());

it('a write that close() cuts off is forgotten in Redis once more when its thread has ended', async () => {
  const { data } = await cluster.openWith({ payments });
  const { id } = await data.payments.insert({ account: 'a', cents: 1 });
  const shard = data.payments.explain(id).shard === 'tx-1' ? 'tx-1' : 'tx-2';
  const told: string[] = [];
  const listener = new Redis(cluster.redisUrl);
  const rival = await mysql.createConnection(cluster.cluster.shards[shard].primary.adminUrl);
  try {
    await listener.psubscribe('*');
    listener.on('pmessage', (_, __, message: string) => {
      if (message.includes(id)) told.push(message);
    });
    await rival.beginTransaction();
    await rival.query('UPDATE payments SET cents = 3 WHERE id = ?', [id]);
    const writing = failureOf(data.payments.update(id, { cents: 2 }));
    await expect.poll(() => cluster.running(shard, 'update `payments`%')).toBe(1);
    await data.close({ timeoutMs: 1 });
    const error = await writing;
    expect(error).toMatchObject({ outcome: 'unknown' });
    expect(await Reflect.get(Object(error), 'ended')).toBeDefined();
    // Once when it was given up, and once when it was over.
    await expect.poll(() => told.length).toBeGreaterThanOrEqual(2);
  } finally {
    await rival.rollback();
    await rival.end();
    listener.disconnect();
  }
});
