import { type DataLayer, defineTable } from 'meridian';
import { z } from 'zod';

export const stock = defineTable({
  name: 'stock',
  keyspace: 'ledger',
  primaryKey: 'item',
  schema: z.object({ item: z.string().max(40), pieces: z.int() }),
});

/** One for each checkout that wants an item. */
export const reservations = defineTable({
  name: 'reservations',
  keyspace: 'ledger',
  primaryKey: 'id',
  shardKey: 'item',
  schema: z.object({
    id: z.uuid(),
    item: z.string().max(40),
    checkout: z.string().max(200),
    pieces: z.int().positive(),
  }),
});

export const tables = { stock, reservations };
export type Data = DataLayer<typeof tables>;
