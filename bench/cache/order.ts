import { z } from 'zod';

const keys = z.array(z.string()).readonly();

export const orderSchema = z.discriminatedUnion('do', [
  z.object({
    do: z.literal('open'),
    rival: z.string(),
    setup: z.object({
      namespace: z.string(),
      redis: z.union([z.string(), z.literal(false)]),
      memory: z.boolean(),
      commandTimeoutMs: z.number().optional(),
      loadConcurrency: z.number().optional(),
      leaseMs: z.number().optional(),
    }),
  }),
  /** Gets each key; done once all their loads have read the source and are held there. */
  z.object({ do: z.literal('begin'), keys }),
  /** The source has another version of each key from now on. */
  z.object({ do: z.literal('change'), keys }),
  z.object({ do: z.literal('forget'), keys }),
  /** Lets the held loads end; done once those who wait for them are answered. */
  z.object({ do: z.literal('finish') }),
  /** Gets each key once. */
  z.object({ do: z.literal('read'), keys }),
  /** Many callers get one key at once, whose load takes some time. */
  z.object({
    do: z.literal('crowd'),
    key: z.string(),
    callers: z.number(),
    loadMs: z.number(),
  }),
  z.object({ do: z.literal('close') }),
]);

/** What a process of the comparison is told to do. */
export type Order = z.infer<typeof orderSchema>;

export const reportSchema = z.object({
  /** Loads begun for the order. */
  loads: z.number(),
  /** Answers that are older than the source was when the order came. */
  stale: z.number(),
  /** Keys of which the cache said that it could not tell everybody. */
  pending: z.number(),
  slowestMs: z.number(),
});
export type Report = z.infer<typeof reportSchema>;

/** A process with one cache, this one or another. */
export interface Party {
  carryOut(order: Order): Promise<Report>;
}
