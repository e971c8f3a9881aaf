import { type Ended, MeridianError, type Outcome } from './meridian-error.ts';

/**
 * What happened on one shard of a call that spans several.
 *
 * @see {@link PartialWriteError}
 */
export interface ShardResult {
  readonly shard: string;
  readonly outcome: Outcome;
  /** Rows that this call put there, or deleted; 0 unless the outcome is `applied`. */
  readonly rows: number;
  readonly error?: MeridianError;
}

/**
 * Some shards of a write that spans several did not take their part. Each shard is all or
 * nothing; `results` says which took theirs, so that only the others are tried again. A write of a
 * reference table gives every shard the same row, so that one is repeated as a whole.
 *
 * Code `MERIDIAN_PARTIAL_WRITE`; retryable for reference tables only, unless a shard refused
 * for good; outcome `applied` or `unknown`.
 *
 * @example
 * await data.users.insertMany(newUsers).catch((error) => {
 *   if (error instanceof PartialWriteError) return error.results.filter(({ outcome }) => outcome === 'not-applied');
 *   throw error;
 * });
 */
export class PartialWriteError extends MeridianError {
  readonly results: readonly ShardResult[];

  /** @param repeatable whether the whole call may be made again: true for reference tables. */
  constructor(table: string, results: readonly ShardResult[], repeatable = false) {
    const failed = results.filter(({ outcome }) => outcome !== 'applied');
    const unknown = failed.some(({ outcome }) => outcome === 'unknown');
    super(
      `${failed.length} of ${results.length} shards did not confirm their rows of '${table}': ` +
        `${failed.map(({ shard, outcome }) => `${shard} (${outcome})`).join(', ')}. ` +
        (repeatable
          ? 'See error.results. The shards may differ until the same call has succeeded: repeat it.'
          : 'See error.results: repeat only the rows of shards that say not-applied.'),
      {
        code: 'MERIDIAN_PARTIAL_WRITE',
        retryable:
          repeatable &&
          failed.every(({ outcome, error }) => outcome === 'unknown' || error?.retryable === true),
        outcome: unknown ? 'unknown' : 'applied',
        context: { table, shards: failed.map(({ shard }) => shard) },
        cause: failed[0]?.error,
        ended: endedOf(failed),
      },
    );
    this.results = results;
  }
}

function endedOf(results: readonly ShardResult[]): Promise<Ended> | undefined {
  const running = results.flatMap(({ error }) => error?.ended ?? []);
  return running.length === 0
    ? undefined
    : Promise.all(running).then((all) => (all.includes('given-up') ? 'given-up' : 'over'));
}

/**
 * The rows of several shards cannot be merged into one right order, or are more than was allowed.
 *
 * Code `MERIDIAN_MERGE`; not retryable.
 *
 * @example
 * await data.users.everywhere.query('SELECT COUNT(*) AS n FROM users').catch((error) => {
 *   if (error instanceof MergeError) return data.users.everywhere.each('SELECT COUNT(*) AS n FROM users');
 *   throw error;
 * });
 */
export class MergeError extends MeridianError {
  constructor(message: string) {
    super(message, { code: 'MERIDIAN_MERGE' });
  }
}
