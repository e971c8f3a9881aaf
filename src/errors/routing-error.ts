import { type ErrorContext, MeridianError } from './meridian-error.ts';

/**
 * A key, id, place or statement that cannot be sent to exactly the right shards, so nothing was
 * sent at all.
 *
 * Code `MERIDIAN_ROUTING`; not retryable; nothing was applied.
 *
 * @example
 * await data.users.insert({ country: 'ZZ', name: 'Ada' }).catch((error) => {
 *   if (error instanceof RoutingError) response.writeHead(422).end(error.message);
 *   else throw error;
 * });
 */
export class RoutingError extends MeridianError {
  constructor(message: string, context?: ErrorContext) {
    super(message, { code: 'MERIDIAN_ROUTING', ...(context && { context }) });
  }
}
