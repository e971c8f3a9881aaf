import { DuplicateKeyError } from '../errors/database-error.ts';
import type { Call } from '../execution/call.ts';
import type { EntryKey, EntryOwner } from './directory-table.ts';

/** What one attempt to write wants of the entry of one value. */
export interface Reservation extends EntryKey, EntryOwner {
  /** `enter`: the row is to hold the value. `leave`: it is to hold it no longer. */
  readonly kind: 'enter' | 'leave';
  /** For errors. */
  readonly table: string;
  readonly column: string;
  /** Whether a row holds the value now, by what is committed on its primary. */
  isHeldBy(rowKey: string, call: Call): Promise<boolean>;
}

/**
 * What came of a reservation.
 *
 * - `reserved`: the entry is the attempt's.
 * - `kept`: an earlier reservation of the same attempt had it already.
 * - `reversed`: an earlier reservation of the same attempt was for the opposite; both come to nothing.
 * - `own`: the row holds the value, and its entry is confirmed.
 * - `absent`: there is no entry of this row that could leave.
 */
export type ReservationResult = 'reserved' | 'kept' | 'reversed' | 'own' | 'absent';

/** One order for all attempts: two that want the same values can't wait for each other. */
export function inOrder<T extends EntryKey>(reservations: readonly T[]): T[] {
  return [...reservations].sort((a, b) =>
    a.lookup === b.lookup ? Buffer.compare(a.value, b.value) : a.lookup < b.lookup ? -1 : 1,
  );
}

/** A new row can't hold its value already. */
export function refuseOwn({ table, column }: Reservation): never {
  throw new DuplicateKeyError(`This row of '${table}' exists already, '${column}' and all.`, {
    context: { table, lookup: column },
  });
}
