import { z } from 'zod';
import { stockSchema } from './stock.ts';

const turnSchema = z.object({
  do: z.literal('work'),
  work: z.enum(['read', 'insert', 'transaction', 'scatter']),
  callers: z.int(),
  /** Milliseconds that a caller waits between two calls, at most. */
  thinkMs: z.number(),
  ms: z.number(),
});
export type Turn = z.infer<typeof turnSchema>;

const openSchema = z.object({
  do: z.literal('open'),
  as: z.enum(['raw', 'meridian']),
  stock: stockSchema,
});

export const orderSchema = z.discriminatedUnion('do', [openSchema, turnSchema]);
export type Order = z.infer<typeof orderSchema>;

/** What a turn has measured; nothing of an opening. */
export const reportSchema = z.object({
  perSecond: z.number().default(0),
  p50Ms: z.number().default(0),
  p99Ms: z.number().default(0),
});
export type Report = z.infer<typeof reportSchema>;
