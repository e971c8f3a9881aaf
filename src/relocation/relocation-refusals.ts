import { isMeridianError } from '../errors/meridian-error.ts';
import { RelocationError } from '../errors/relocation-error.ts';
import type { Route } from '../routing/route.ts';
import type { Group } from './moving-group.ts';

/** A move that was not made. */
interface Refused {
  readonly group: Group;
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
