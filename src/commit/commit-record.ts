import { DuplicateKeyError, RolledBackError } from '../errors/database-error.ts';
import type { Executor } from '../execution/executor.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Endpoint } from '../topology/topology.ts';
import {
  deleteOldRecords,
  deleteRecord,
  insertRecord,
  type Outcome,
  selectRecord,
} from './commit-record-table.ts';
import type { TransactionScope } from './transaction-scope.ts';

const recordsPerDelete = 1_000;

/**
 * Marks, as a statement of the transaction itself, that the work under this token is applied. Who
 * resolved the token first wins: then the transaction can not commit any more.
 *
 * @throws {RolledBackError} when the token was resolved as aborted.
 */
export async function recordApplied(scope: TransactionScope, token: Uint8Array): Promise<void> {
  try {
    await scope.run(insertRecord(token, 'applied'));
  } catch (error) {
    if (!(error instanceof DuplicateKeyError)) throw error;
    throw new RolledBackError(
      'This work was so slow that it was taken for abandoned. Nothing was applied; run the whole of it again.',
      { context: error.context },
    );
  }
}

/** How the work under a token ended; undefined while that is not decided. Does not wait. */
export async function outcomeOf(
  executor: Executor,
  primary: Endpoint,
  token: Uint8Array,
  deadline: Deadline,
): Promise<Outcome | undefined> {
  const { rows } = await executor.runStatement([primary], selectRecord(token), 'read', deadline);
  const outcome = rows[0]?.outcome;
  return outcome === 'applied' || outcome === 'aborted' ? outcome : undefined;
}

/**
 * Decides how the work under a token ended, for good: a transaction that is still open is waited
 * for, and one that has not marked itself can not commit any more.
 *
 * @throws {TimeoutError} or {@link RolledBackError} when a transaction stays open for longer.
 */
export async function resolve(
  executor: Executor,
  primary: Endpoint,
  token: Uint8Array,
  deadline: Deadline,
): Promise<Outcome> {
  const abort = insertRecord(token, 'aborted');
  for (;;) {
    try {
      // A second mark only finds the first.
      await executor.runRepeatable(primary, abort, deadline);
      return 'aborted';
    } catch (error) {
      if (!(error instanceof DuplicateKeyError)) throw error;
    }
    const outcome = await outcomeOf(executor, primary, token, deadline);
    if (outcome !== undefined) return outcome;
  }
}

/** Forgets a token under which nothing is left to resolve. */
export async function forgetRecord(
  executor: Executor,
  primary: Endpoint,
  token: Uint8Array,
  deadline: Deadline,
): Promise<void> {
  await executor.runRepeatable(primary, deleteRecord(token), deadline);
}

/** Forgets all tokens that were resolved so long ago that no connection of then still lives. */
export async function forgetOldRecords(
  executor: Executor,
  primary: Endpoint,
  olderThanDays: number,
  deadline: Deadline,
): Promise<void> {
  const statement = deleteOldRecords(olderThanDays, recordsPerDelete);
  for (;;) {
    const { affected } = await executor.runRepeatable(primary, statement, deadline);
    if (affected < recordsPerDelete) return;
  }
}
