import { type ErrorContext, MeridianError } from './meridian-error.ts';

/**
 * A key, id, place or statement that cannot be sent to exactly the right shards, so nothing was
 * sent at all.
 *
 * Code `MERIDIAN_ROUTING`; not retryable; nothing was applied.
 */
export class RoutingError extends MeridianError {
  constructor(message: string, context?: ErrorContext) {
    super(message, { code: 'MERIDIAN_ROUTING', ...(context && { context }) });
  }
}

/**
 * A row of a region with `residency: 'strict'` was about to be stored, read or cached elsewhere.
 *
 * Code `MERIDIAN_RESIDENCY`; not retryable; nothing was applied.
 */
export class ResidencyError extends MeridianError {
  constructor(message: string, context?: ErrorContext) {
    super(message, { code: 'MERIDIAN_RESIDENCY', ...(context && { context }) });
  }
}
