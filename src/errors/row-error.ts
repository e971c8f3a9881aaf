import { listedPaths, listProblems, type Problem } from './config-error.ts';
import { MeridianError } from './meridian-error.ts';

/**
 * A row, patch or parameter that breaks its table's schema. It names the columns, never their
 * values. Nothing was sent.
 *
 * Code `MERIDIAN_ROW_INVALID`; not retryable; nothing was applied.
 *
 * @example
 * await data.users.insert({ country: 'Germany', name: 'Ada' }).catch((error) => {
 *   if (error instanceof RowError) return error.problems; // [{ path: 'country', … }]
 *   throw error;
 * });
 */
export class RowError extends MeridianError {
  readonly problems: readonly Problem[];

  constructor(table: string, problems: readonly Problem[]) {
    super(`The row does not fit table '${table}':\n${listProblems(problems)}`, {
      code: 'MERIDIAN_ROW_INVALID',
      context: { table, columns: listedPaths(problems) },
    });
    this.problems = problems;
  }
}

/**
 * A stored row that its table's schema cannot hold: the database and the schema disagree. The
 * other rows of the same read are not affected.
 *
 * Code `MERIDIAN_ROW_UNREADABLE`; not retryable.
 *
 * @example
 * const rows = await Promise.allSettled(ids.map((id) => data.users.get(id)));
 * const broken = rows.filter((row) => row.status === 'rejected' && row.reason instanceof RowUnreadableError);
 */
export class RowUnreadableError extends MeridianError {
  constructor(
    table: string,
    column: string,
    reason: string,
    cure = 'Correct the row or widen the schema.',
  ) {
    super(
      `A stored row of '${table}' does not fit its schema: column '${column}' ${reason}. ${cure}`,
      { code: 'MERIDIAN_ROW_UNREADABLE', context: { table, column } },
    );
  }
}
