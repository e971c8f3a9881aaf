import { type ErrorContext, MeridianError } from '../errors/meridian-error.ts';

/**
 * The test kit could not do what was asked: servers that do not start, a missing binary, an
 * operation on a server that is in the wrong state.
 *
 * Code `MERIDIAN_TESTING`; not retryable. Thrown only by `meridian/testing`, never by the product.
 *
 * @example
 * await startLocalCluster({ shards: ['eu-1'] }).catch((error) => {
 *   if (error instanceof TestingError) log.warn(error.context, error.message); // no server installed, say
 *   throw error;
 * });
 */
export class TestingError extends MeridianError {
  constructor(message: string, options?: { context?: ErrorContext; cause?: unknown }) {
    super(message, {
      code: 'MERIDIAN_TESTING',
      ...(options?.context && { context: options.context }),
      cause: options?.cause,
    });
  }
}
