import { z } from 'zod';
import { strictObject } from './strict-object.ts';

/**
 * When a breaker opens on a share of the calls of the last while.
 *
 * @see {@link GuardOptions}
 */
export interface BreakerWindow {
  /** Milliseconds that are looked back. Default 10,000. */
  ms?: number | undefined;
  /** Steps in which the window moves on. Default 10. */
  buckets?: number | undefined;
  /** Calls below which nothing is judged. Default 20. */
  minimumCalls?: number | undefined;
  /** Share of calls that must have failed, from over 0 to 1. Default 0.5. */
  failureShare?: number | undefined;
  /** Milliseconds from which a call that succeeded is slow. Default: none is. */
  slowMs?: number | undefined;
  /** Share of calls that must have been slow, or have failed, from over 0 to 1. Default 1. */
  slowShare?: number | undefined;
}

const milliseconds = z
  .number()
  .min(1)
  .max(2 ** 31 - 1);
const count = z.int().min(1);
const share = z.number().gt(0).max(1);

export const breakerWindow = strictObject({
  ms: milliseconds.optional(),
  buckets: count.max(1_000).optional(),
  minimumCalls: count.optional(),
  failureShare: share.optional(),
  slowMs: milliseconds.optional(),
  slowShare: share.optional(),
});
