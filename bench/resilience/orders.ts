import { z } from 'zod';

/** What the parent tells a service to serve. */
export const serviceOrder = z.object({
  kind: z.enum(['meridian', 'mysql2']),
  urls: z.array(z.string()),
  timeoutMs: z.number(),
});
export type ServiceOrder = z.infer<typeof serviceOrder>;

/** What the parent tells the generator to send: a closed loop to find the peak, or an open one. */
export const loadOrder = z.object({
  port: z.number(),
  shards: z.number(),
  seconds: z.number(),
  /** Requests in flight at once, each sent when one is answered. */
  inFlight: z.number().optional(),
  /** Requests per second, sent when they are due whatever became of the others. */
  perSecond: z.number().optional(),
});
export type LoadOrder = z.infer<typeof loadOrder>;

export const answersSchema = z.object({
  /** By request: the shard that it was for. */
  shard: z.array(z.number()),
  /** When it was due, and when it was answered, in milliseconds of the machine's clock; null: never. */
  dueMs: z.array(z.number()),
  answeredMs: z.array(z.number().nullable()),
  /** `ok`, or the code of an error. */
  status: z.array(z.string()),
});
export type Answers = z.infer<typeof answersSchema>;
