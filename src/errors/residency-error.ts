import { type ErrorContext, MeridianError } from './meridian-error.ts';

/**
 * What a refusal is about: names of regions, and nothing of the row.
 *
 * @see {@link ResidencyError}
 */
export interface ResidencyFacts {
  /** The strict regions whose rows it concerns. */
  readonly strictRegions: readonly string[];
  /** Where those rows may not be; undefined when the process or the place names no region. */
  readonly region: string | undefined;
}

/**
 * Rows of a region with `residency: 'strict'` were about to be stored, moved or read in bulk
 * elsewhere. Every refusal is also an audit event, `type: 'residency'`.
 *
 * Code `MERIDIAN_RESIDENCY`; not retryable; nothing was applied.
 *
 * @example
 * await data.users.everywhere.query('SELECT name FROM users').catch((error) => {
 *   if (error instanceof ResidencyError) log.warn({ regions: error.strictRegions }, 'ask in their own region');
 *   throw error;
 * });
 */
export class ResidencyError extends MeridianError implements ResidencyFacts {
  readonly strictRegions: readonly string[];
  readonly region: string | undefined;

  constructor(message: string, { strictRegions, region }: ResidencyFacts, context?: ErrorContext) {
    super(message, {
      code: 'MERIDIAN_RESIDENCY',
      context: { ...context, strictRegions, region },
    });
    this.strictRegions = strictRegions;
    this.region = region;
  }
}
