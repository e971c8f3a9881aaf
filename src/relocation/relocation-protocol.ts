import { finishingMs, moverLifeMs } from '../forwarding/protocol-times.ts';
import type { RecordedMove } from './moves-table.ts';

/**
 * The steps of a move, in their order, and what is decided by what is on record of it. Without I/O: movers, resolvers and
 * sweepers go by these, and so does the test that goes through every interleaving and every crash (docs/internals/relocation.md).
 */

/**
 * In one transaction on each side; that of the arrival lies inside of that of the departure, and commits first.
 * `begin-crossing` is a statement of its own: it must hold when both are rolled back.
 */
export const crossing = [
  'record-arrival',
  'expect-arrival',
  'copy',
  // After the rows: a writer holds a row of its own when it comes to ask about the move.
  'begin-crossing',
  'lock-crossing',
  'leave',
  'cut-over',
] as const;

/** After a move that can't cut over any more: `remove-copies` rules the arrival out, or undoes it. */
export const reversal = ['remove-copies', 'tell-caches', 'remove-record'] as const;

/** After the cutover. Until the departure is forgotten the new place refuses rows of an owner who had once left it. */
export const completion = ['forget-departure', 'tell-caches', 'forget-arrival', 'notify'] as const;

/** How a move ended. `gone`: somebody else has resolved it. */
export type RelocationEnding = 'moved' | 'reversed' | 'gone';

type Recorded = Pick<RecordedMove, 'state' | 'crossing' | 'ageMs' | 'fromLocator'>;

/** What a mover does who meets an earlier move of the same owner. */
export function onEarlier(
  earlier: Pick<Recorded, 'state' | 'ageMs'> | undefined,
): 'announce' | 'moved' | 'at-work' | 'resolve' {
  if (earlier === undefined) return 'announce';
  if (earlier.state === 'moved') return 'moved';
  const isAtWork = earlier.state === 'announced' && earlier.ageMs < moverLifeMs;
  return isAtWork ? 'at-work' : 'resolve';
}

/** Who holds the lock that this took is the only one who can cut over. @param affected rows of the record. */
export function mayLeave(affected: number): boolean {
  return affected > 0;
}

/** What follows when the record was to be set to `reversing`. @param affected rows of the record. */
export function afterReversing(affected: number): 'reverse' | 'ask' {
  return affected > 0 ? 'reverse' : 'ask';
}

/** How a move ended that could not be reversed. @param recorded what is on record of its owner. */
export function endingOf(
  recorded: Pick<RecordedMove, 'state' | 'moveId'> | undefined,
  moveId: Uint8Array,
): RelocationEnding {
  if (recorded === undefined || Buffer.compare(recorded.moveId, moveId) !== 0) return 'gone';
  return recorded.state === 'moved' ? 'moved' : 'reversed';
}

/**
 * What is left to do of a move that is met.
 *
 * @param slot that somebody waits for: then moves are ended that have nothing left to do but to end. A mover that
 * lives holds the lock that this waits for, or does the same. Undefined: those of movers that are taken for dead.
 */
export function isDue({ state, crossing, ageMs, fromLocator }: Recorded, slot?: number): boolean {
  if (slot !== undefined) return fromLocator === slot && (state === 'moved' || crossing);
  return ageMs >= (state === 'announced' ? moverLifeMs : finishingMs);
}
