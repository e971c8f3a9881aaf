import type { Outcome } from '../commit/commit-record-table.ts';
import type { EntryOwner, EntryState } from './directory-table.ts';
import type { Reservation, ReservationResult } from './reservation.ts';

/**
 * What attempts to write do about the entry of a value, by what they are answered. Without I/O, so that the tests go
 * through every order of steps and every crash: docs/internals/directory.md.
 */

/** The value that an attempt wants for a row, or wants to be rid of. */
export type Wish = Pick<Reservation, 'kind' | 'rowKey'>;

/** An entry as an attempt meets it. */
export interface MetEntry extends Pick<EntryOwner, 'rowKey'> {
  readonly state: EntryState;
  /** Whether it bears the token of the attempt. */
  readonly isOwn: boolean;
}

/**
 * What an attempt does next: a change of the entry that compares what was met, `ask-holder` whether the row that the
 * entry names holds the value, `await` the end of the attempt that has it; or how its reservation has ended.
 */
export type Reserving =
  | 'insert'
  | 'mark-leaving'
  | 'take-over'
  | 'ask-holder'
  | 'await'
  | 'taken'
  | ReservationResult;

/** @param isSent whether the attempt has sent a change before, whose reply may have been lost. */
export function afterFinding(
  { kind, rowKey }: Wish,
  met: MetEntry | undefined,
  isSent: boolean,
): Reserving {
  if (met === undefined) return kind === 'leave' ? 'absent' : 'insert';
  if (met.state === 'confirmed') {
    if (kind === 'enter') return 'ask-holder';
    return met.rowKey === rowKey ? 'mark-leaving' : 'absent';
  }
  if (!met.isOwn) return 'await';
  // The same work has the entry: an earlier part of it, or this one whose reply was lost.
  if (met.rowKey !== rowKey) return kind === 'leave' ? 'absent' : 'taken';
  const isSame = (met.state === 'reserved') === (kind === 'enter');
  if (isSent && isSame) return 'reserved';
  return isSame ? 'kept' : 'reversed';
}

/** What is done about a confirmed entry. @param isHeld whether its row holds the value, by what is committed. */
export function afterAsking({ rowKey }: Wish, met: Pick<MetEntry, 'rowKey'>, isHeld: boolean) {
  // Its row was deleted or changed past the directory.
  if (!isHeld) return 'take-over';
  return met.rowKey === rowKey ? 'own' : 'taken';
}

/**
 * What is done about the attempt that has an entry.
 *
 * @param outcome as it is on record; undefined while nobody has decided.
 * @param isOld whether the attempt has had it for so long that it counts as abandoned.
 */
export function onRival(
  outcome: Outcome | undefined,
  isOld: boolean,
): { readonly finish: Outcome } | 'resolve' | 'wait' {
  if (outcome !== undefined) return { finish: outcome };
  return isOld ? 'resolve' : 'wait';
}

/** How an attempt ended by what became of the row's transaction; undefined: whoever meets its entries resolves it. */
export function endedBy(transaction: 'applied' | 'not-applied' | 'unknown'): Outcome | undefined {
  if (transaction === 'unknown') return undefined;
  return transaction === 'applied' ? 'applied' : 'aborted';
}

/** What becomes of an entry once it is known how the attempt that has it ended. */
export function afterEnding(
  state: Exclude<EntryState, 'confirmed'>,
  outcome: Outcome,
): 'confirmed' | 'absent' {
  return (state === 'reserved') === (outcome === 'applied') ? 'confirmed' : 'absent';
}
