import { listedPaths, listProblems, type Problem } from './config-error.ts';
import { MeridianError } from './meridian-error.ts';

/**
 * A row, patch or parameter that breaks its table's schema. It names the columns, never their
 * values. Nothing was sent.
 *
 * Code `MERIDIAN_ROW_INVALID`; not retryable; nothing was applied.
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
