import type { Place } from '../../sharding/places/place.ts';
import type { RowOf, RowSchema, Table } from './define-table.ts';

const fields = ['region', 'country', 'location'] as const;

/**
 * The columns that `place()` hands on as they are, with their values at a new place: where it is
 * `(user) => ({ country: user.country })`, a move to `{ country: 'US' }` makes `country` 'US'.
 *
 * Found by asking place() again about the row with one column changed, so nothing is guessed.
 */
export function placeColumns(
  table: Table,
  row: RowOf<RowSchema>,
  to: Place,
): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  if (table.place === undefined) return patch;
  const now: Readonly<Record<string, unknown>> = { ...table.place(row) };
  const wanted: Readonly<Record<string, unknown>> = { ...to };
  for (const field of fields) {
    if (wanted[field] === undefined || now[field] === wanted[field]) continue;
    for (const [column, value] of Object.entries(row)) {
      if (value !== now[field]) continue;
      const candidate = { ...row, ...patch, [column]: wanted[field] };
      const placed: Readonly<Record<string, unknown>> = { ...table.place(candidate) };
      if (placed[field] !== wanted[field]) continue;
      patch[column] = wanted[field];
      break;
    }
  }
  return patch;
}
