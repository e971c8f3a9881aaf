import { RowUnreadableError } from '../../errors/row-error.ts';
import type { ResultColumn } from './sql.ts';

/**
 * A row is an object by column names, in which the later of two equal ones would replace the earlier
 * without a word.
 *
 * @throws {RowUnreadableError} that names it.
 */
export function assertDistinct(columns: readonly Pick<ResultColumn, 'name'>[]): void {
  const names = new Set<string>();
  for (const { name } of columns) {
    if (names.has(name)) {
      throw new RowUnreadableError(
        'the query',
        name,
        'is there several times, so that only the last would be handed out',
        'Select columns by name, and give each a name of its own with AS.',
      );
    }
    names.add(name);
  }
}
