import { defineTable } from 'meridian';
import { z } from 'zod';

export const transactions = defineTable({
  name: 'transactions',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'account_id',
  schema: z.object({ id: z.uuid(), account_id: z.uuid(), cents: z.bigint() }),
});

export const tables = { transactions };
