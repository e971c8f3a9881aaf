import type { ReadThrough } from '../../cache/read-through.ts';
import type { RowOf, RowSchema } from '../schema/define-table.ts';
import type { Effects } from './effects.ts';
import type { PlannedRow } from './planned-write.ts';
import type { Reservations } from './row-index.ts';

/** What follows when new rows were stored on a shard. */
export class InsertEffects<Schema extends RowSchema> implements Effects {
  readonly shard: string;
  readonly #rows: readonly PlannedRow<Schema>[];
  readonly #reservations: Reservations;
  readonly #cache: ReadThrough<RowOf<Schema>> | undefined;

  constructor(
    shard: string,
    rows: readonly PlannedRow<Schema>[],
    reservations: Reservations,
    cache: ReadThrough<RowOf<Schema>> | undefined,
  ) {
    this.shard = shard;
    this.#rows = rows;
    this.#reservations = reservations;
    this.#cache = cache;
  }

  get homes(): string[] {
    return this.#rows.map(({ named, route }) => (named ?? route).shard.name);
  }

  hasWritten(): boolean {
    return true;
  }

  forget(isApplied: boolean): Promise<'done' | 'pending'> {
    const keys = forgettable(this.#rows, this.#reservations, isApplied);
    return forget(this.#cache, keys, this.#reservations);
  }
}

/** Makes caches forget rows and what leads to them. */
export async function forget(
  cache: { invalidate(keys: readonly string[]): Promise<'done' | 'pending'> } | undefined,
  keys: readonly string[],
  reservations: Reservations,
): Promise<'done' | 'pending'> {
  const rows = (await cache?.invalidate(keys)) ?? 'done';
  const values = await reservations.forget();
  return rows === 'pending' ? rows : values;
}

/**
 * Keys under which "no such row" may be cached: those that were not made just now, and those that an
 * index could lead to before the row was there. Of an unknown outcome all of them: its error tells ids.
 */
function forgettable<Schema extends RowSchema>(
  rows: readonly PlannedRow<Schema>[],
  reservations: Reservations,
  isApplied: boolean,
): string[] {
  return rows
    .filter(({ isFresh, key }) => !isApplied || !isFresh || reservations.names(key.text))
    .map(({ key }) => key.text);
}
