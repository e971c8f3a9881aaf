import { type ErrorContext, isMeridianError } from '../errors/meridian-error.ts';
import { RelocationError } from '../errors/relocation-error.ts';
import type { Route } from '../routing/route.ts';

/** A move that was not made. */
interface Refused {
  /** The owners' table first. */
  readonly group: readonly [{ readonly table: string }, ...unknown[]];
  readonly from: Route;
  readonly to: Route;
  readonly pauseMs: number;
}

export function unknownOwner(table: string): RelocationError {
  return new RelocationError(
    'unknown-owner',
    `There is no row of '${table}' with this id, so there is nothing to move.`,
    { context: { table } },
  );
}

/** What stands in the way does so until somebody changes it. */
export function unfit(why: string, context?: ErrorContext, cause?: unknown): RelocationError {
  return new RelocationError('unfit', `Nothing was moved${why}`, {
    ...(context && { context }),
    cause,
  });
}

export function unverified(table: string): RelocationError {
  return new RelocationError(
    'unverified',
    `Nothing was moved: the rows of '${table}' that arrived are not those that left. ` +
      'Do the two servers store the same values differently (collation, sql_mode, a trigger)?',
    { context: { table } },
  );
}

export function busy({ shard }: Route, table: string, what: string): RelocationError {
  return new RelocationError(
    'busy',
    `${what}; nothing was changed by this call. Try again in a moment.`,
    {
      context: { table, shard: shard.name },
    },
  );
}

/** What made a move fail that is reversed by now. */
export function refusalOf(error: unknown, { group, from, to, pauseMs }: Refused): unknown {
  if (error instanceof RelocationError || !isMeridianError(error)) return error;
  const context = { table: group[0].table, from: from.shard.name, to: to.shard.name };
  if (error.outcome === 'not-applied' && !error.retryable) return error;
  return new RelocationError(
    'busy',
    `The owner was not moved, and nothing has changed: ${error.message} ` +
      `Its rows may be locked for ${pauseMs} ms; raise pauseMs for an owner with many rows.`,
    { cause: error, context },
  );
}
