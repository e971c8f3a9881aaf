export interface BackoffConfig {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait before attempt `attempt` (the first retry is 1): full jitter over an
 * exponential cap, so that callers that failed together do not come back together.
 *
 * Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function backoffMs(attempt: number, { baseMs, maxMs }: BackoffConfig): number {
  return Math.random() * Math.min(maxMs, baseMs * 2 ** (attempt - 1));
}
