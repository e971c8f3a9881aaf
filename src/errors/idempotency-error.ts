import { type ErrorContext, MeridianError } from './meridian-error.ts';

/**
 * What is wrong with the key.
 *
 * - `other-payload`: it was used before, for something else.
 * - `row-gone`: the row that it stored was deleted since.
 *
 * @see {@link IdempotencyConflictError}
 */
export type IdempotencyConflict = 'other-payload' | 'row-gone';

/**
 * An idempotency key was applied before and can't be answered with what it did then.
 *
 * Code `MERIDIAN_IDEMPOTENCY_CONFLICT`; `reason` says why; not retryable; this call applied nothing.
 *
 * @example
 * await data.users.insert({ country: 'DE', name: 'Ada' }, { idempotencyKey }).catch((error) => {
 *   if (error instanceof IdempotencyConflictError && error.reason === 'other-payload') response.writeHead(422).end();
 *   else throw error;
 * });
 */
export class IdempotencyConflictError extends MeridianError {
  readonly reason: IdempotencyConflict;

  constructor(reason: IdempotencyConflict, context?: ErrorContext) {
    super(
      reason === 'other-payload'
        ? 'This idempotency key was used before for something else. Draw a new key for each operation, and repeat an operation unchanged.'
        : 'The row that this idempotency key stored was deleted since. Draw a new key to store it again.',
      { code: 'MERIDIAN_IDEMPOTENCY_CONFLICT', context: { ...context, reason } },
    );
    this.reason = reason;
  }
}
