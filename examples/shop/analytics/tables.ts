import { type DataLayer, defineTable } from 'meridian';
import { z } from 'zod';

/** As the payment service stores them; here they are only read. */
export const accounts = defineTable({
  name: 'accounts',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'owner_id',
  schema: z.object({ id: z.uuid(), owner_id: z.uuid(), name: z.string(), cents: z.int() }),
});

export const transactions = defineTable({
  name: 'transactions',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'owner_id',
  schema: z.object({
    id: z.uuid(),
    owner_id: z.uuid(),
    account_id: z.uuid(),
    kind: z.string(),
    item: z.string().nullable(),
    cents: z.int(),
    region: z.string(),
    at: z.date(),
  }),
});

export const tables = { accounts, transactions };
export type Data = DataLayer<typeof tables>;
