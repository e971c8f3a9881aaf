import { type Ended, isMeridianError } from '../errors/meridian-error.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import { moverLifeMs } from '../forwarding/protocol-times.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Route } from '../routing/route.ts';
import type { Move } from './moves-table.ts';
import type { Group } from './moving-group.ts';
import type { RelocationResolution } from './relocation-resolution.ts';

/** Milliseconds after which a shard that could not be asked is asked again. */
const againMs = 100;

/** @param ended when the announcement, which was sent and not answered, runs no more. */
export type Withdraw = (
  order: { readonly from: Route; readonly group: Group },
  move: Move,
  ended: Promise<Ended> | undefined,
  deadline: Deadline,
) => Promise<void>;

/**
 * Takes back an announcement that may be on record, or still waits for a lock and would be later: until
 * its mover is taken for dead, nobody could move the owner. Nothing else depends on it, so it goes on without
 * its caller when the caller's time is over; what fails is left to the sweeper.
 */
export function withdrawal(
  resolution: RelocationResolution,
  upkeep: Upkeep,
  onFailure: (error: unknown) => void,
): Withdraw {
  return async (order, move, ended, deadline) => {
    const resolved = (patience: Deadline) =>
      resolution.resolve(move, order.from, order.group, patience).catch((error: unknown) => {
        if (!isMeridianError(error) || !error.retryable) throw error;
        return undefined;
      });
    const taken = upkeep.run(
      moverLifeMs,
      async (patience) => {
        if (ended !== undefined) await patience.race(ended);
        while ((await resolved(patience)) === undefined) await patience.pause(againMs);
      },
      onFailure,
    );
    const left = new Promise<void>((resolve) => deadline.onCancel(() => resolve()));
    await Promise.race([taken, left]);
  };
}
