import { type ErrorContext, MeridianError } from './meridian-error.ts';

/**
 * The loader of a cache answered something else than one value for each key that it was asked for.
 * Nothing of it was kept.
 *
 * Code `MERIDIAN_LOADER`; not retryable; nothing was applied.
 *
 * @example
 * await prices.getMany(['a', 'b'], async () => [1.1]).catch((error) => {
 *   if (error instanceof LoaderError) log.warn(error.context, error.message); // a fault of the loader's
 *   throw error;
 * });
 */
export class LoaderError extends MeridianError {
  constructor(message: string, options: { readonly context?: ErrorContext } = {}) {
    super(message, { code: 'MERIDIAN_LOADER', ...options });
  }
}
