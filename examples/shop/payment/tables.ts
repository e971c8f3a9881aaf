import { type DataLayer, defineTable, type Transaction } from 'meridian';
import { z } from 'zod';

/** What is for sale: few rows that every shard has. */
export const items = defineTable({
  name: 'items',
  reference: true,
  primaryKey: 'code',
  schema: z.object({ code: z.string().regex(/^[\w-]{1,40}$/), cents: z.int().positive() }),
  cache: { ttlMs: 60_000 },
});

/** With its owner's other accounts, so that money moves between them in one transaction. */
export const accounts = defineTable({
  name: 'accounts',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'owner_id',
  schema: z.object({ id: z.uuid(), owner_id: z.uuid(), name: z.string().max(40), cents: z.int() }),
});

/** What changed an account, and by how much; they sum up to what it holds. */
export const transactions = defineTable({
  name: 'transactions',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'owner_id',
  schema: z.object({
    id: z.uuid(),
    owner_id: z.uuid(),
    account_id: z.uuid(),
    kind: z.enum(['welcome', 'checkout', 'transfer']),
    /** What an owner can do once is entered under its name; unique within the owner. */
    once: z.string().max(120).nullable().default(null),
    item: z.string().nullable(),
    cents: z.int(),
    region: z.string().max(20),
    at: z.date(),
  }),
});

export const tables = { items, accounts, transactions };
export type Data = DataLayer<typeof tables>;
export type Ledger = Transaction<'ledger', typeof tables>;
