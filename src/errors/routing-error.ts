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
