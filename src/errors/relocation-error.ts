import { type ErrorContext, MeridianError } from './meridian-error.ts';

/**
 * Why an owner was not moved.
 *
 * - `same-region`: the owner lives there already.
 * - `unknown-owner`: there is no such row.
 * - `busy`: the owner is being moved by somebody else, or its rows were held too long. Retryable.
 * - `unfit`: the tables of the two shards, or an index that is missing, do not allow it.
 * - `unverified`: what arrived was not what left. Retryable.
 *
 * @see {@link RelocationError}
 */
export type RelocationRefusal = 'same-region' | 'unknown-owner' | 'busy' | 'unfit' | 'unverified';

/**
 * An owner and its group were not moved to another region. They are where they were, unchanged.
 *
 * Code `MERIDIAN_RELOCATION`; `reason` says why; retryable when the reason is `busy` or
 * `unverified`; nothing was applied.
 *
 * @example
 * await data.users.relocate(id, { country: 'US' }).catch((error) => {
 *   if (error instanceof RelocationError && error.reason === 'same-region') return; // nothing to do
 *   throw error;
 * });
 */
export class RelocationError extends MeridianError {
  readonly reason: RelocationRefusal;

  constructor(
    reason: RelocationRefusal,
    message: string,
    options: { readonly context?: ErrorContext; readonly cause?: unknown } = {},
  ) {
    super(message, {
      code: 'MERIDIAN_RELOCATION',
      retryable: reason === 'busy' || reason === 'unverified',
      cause: options.cause,
      context: { ...options.context, reason },
    });
    this.reason = reason;
  }
}
