import { type ErrorContext, MeridianError } from './meridian-error.ts';

/**
 * The loader of a cache answered something else than one value for each key that it was asked for.
 * Nothing of it was kept.
 *
 * Code `MERIDIAN_LOADER`; not retryable; nothing was applied.
 */
export class LoaderError extends MeridianError {
  constructor(message: string, options: { readonly context?: ErrorContext } = {}) {
    super(message, { code: 'MERIDIAN_LOADER', ...options });
  }
}
