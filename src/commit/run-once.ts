import { randomBytes } from 'node:crypto';
import { DuplicateKeyError, RolledBackError } from '../errors/database-error.ts';
import { IdempotencyConflictError } from '../errors/idempotency-error.ts';
import type { Executor } from '../execution/executor.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Endpoint } from '../topology/topology.ts';
import {
  insertOutcome,
  type KeyedOperation,
  type KeyedOutcome,
  readOutcome,
  selectOutcome,
  storeResult,
  takeOver,
} from './idempotency-table.ts';
import { afterMeeting } from './key-protocol.ts';
import { resolveCommit } from './resolve-commit.ts';
import type { Committed, Resolve } from './transaction.ts';
import type { TransactionScope } from './transaction-scope.ts';

/** How often callers of one key may get into each other's way before one of them is told. */
const mostCollisions = 3;

/** What the operation did, and what a repetition is to be told. */
export interface Performed<T> {
  readonly value: T;
  readonly result?: string | undefined;
}

/** The operation was carried out now, or had been before. */
export type OnceOutcome<T> =
  | ({ readonly repeated: false } & Committed<T>)
  | { readonly repeated: true; readonly result: string | undefined };

export interface KeyedWork<T> {
  readonly executor: Executor;
  readonly primary: Endpoint;
  readonly operation: KeyedOperation;
  readonly deadline: Deadline;
  /** Runs a transaction on the primary: `runTransaction`, or one in step with other shards. */
  transact(body: (scope: TransactionScope) => Promise<T>, resolve: Resolve): Promise<Committed<T>>;
}

/**
 * Runs an operation that is applied at most once however often it is asked for: its key is written in
 * its own transaction, first, so that a second one waits for it and then finds what it did.
 *
 * After a lost reply to COMMIT, an `aborted` mark is tried under the same unique key, on the current
 * primary: it waits for the transaction if that is still open, meets its key if it was committed, and
 * else stands in its way for good.
 *
 * @throws {IdempotencyConflictError} when the key was used for something else.
 */
export async function runOnce<T>(
  work: KeyedWork<T>,
  perform: (scope: TransactionScope) => Promise<Performed<T>>,
): Promise<OnceOutcome<T>> {
  for (let collisions = 0; ; collisions++) {
    let isClaimed = false;
    try {
      return await runAttempt(work, perform, () => {
        isClaimed = true;
      });
    } catch (error) {
      // Callers who meet at one key may deadlock over it; nothing of the caller's own has run then.
      if (isClaimed || collisions === mostCollisions || !isRolledBack(error)) throw error;
    }
  }
}

/** One transaction, or what an earlier one did. */
async function runAttempt<T>(
  work: KeyedWork<T>,
  perform: (scope: TransactionScope) => Promise<Performed<T>>,
  onClaimed: () => void,
): Promise<OnceOutcome<T>> {
  const { executor, primary, operation } = work;
  const attempt = randomBytes(16);
  try {
    const committed = await work.transact(
      async (scope) => {
        await claim(scope, operation, attempt);
        onClaimed();
        const { value, result } = await perform(scope);
        if (result !== undefined) await scope.run(storeResult(operation.token, result));
        return value;
      },
      (server, deadline) =>
        resolveCommit({ executor, primary, operation, attempt }, server, deadline),
    );
    return { repeated: false, ...committed };
  } catch (error) {
    const applied = await appliedBefore(work, error);
    if (applied === undefined) throw error;
    if (Buffer.compare(applied.operation, operation.operation) !== 0) {
      throw new IdempotencyConflictError('other-payload', { shard: primary.shard });
    }
    return { repeated: true, result: applied.result };
  }
}

function isRolledBack(error: unknown): boolean {
  return error instanceof RolledBackError && error.retryable;
}

/** Ends a transaction whose operation turned out to be applied already. */
class AppliedBefore extends Error {
  readonly outcome: KeyedOutcome;

  constructor(outcome: KeyedOutcome) {
    super('the operation was applied before');
    this.outcome = outcome;
  }
}

async function claim(
  scope: TransactionScope,
  operation: KeyedOperation,
  attempt: Uint8Array,
): Promise<void> {
  try {
    await scope.run(insertOutcome(operation, attempt, 'applied'));
  } catch (error) {
    if (!(error instanceof DuplicateKeyError)) throw error;
    const [row] = (await scope.run(selectOutcome(operation.token))).rows;
    const found = row && readOutcome(row);
    const next = afterMeeting(found);
    if (found === undefined || next === 'gone') throw goneAgain(error);
    if (next === 'repeat') throw new AppliedBefore(found);
    await scope.run(takeOver(operation, attempt));
  }
}

function goneAgain(cause: DuplicateKeyError): RolledBackError {
  return new RolledBackError(
    'Another call had its idempotency key on record and took it back meanwhile. Nothing was applied; run the whole of it again.',
    { cause, context: cause.context },
  );
}

/** What the key did before, if that is why the operation failed now. */
async function appliedBefore<T>(
  { executor, primary, operation, deadline }: KeyedWork<T>,
  error: unknown,
): Promise<KeyedOutcome | undefined> {
  if (error instanceof AppliedBefore) return error.outcome;
  // A unique value may have been met before the key was: the one that this operation stored.
  if (!(error instanceof DuplicateKeyError)) return undefined;
  const statement = selectOutcome(operation.token);
  const [row] = (await executor.runStatement([primary], statement, 'read', deadline)).rows;
  const found = row && readOutcome(row);
  return found?.outcome === 'applied' ? found : undefined;
}
