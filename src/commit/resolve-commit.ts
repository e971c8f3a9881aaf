import { isMeridianError } from '../errors/meridian-error.ts';
import type { Executor } from '../execution/executor.ts';
import { selectDeparture } from '../forwarding/forward-table.ts';
import type { Statement, StatementResult } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Endpoint } from '../topology/topology.ts';
import {
  insertOutcome,
  type KeyedOperation,
  type KeyedOutcome,
  readOutcome,
  selectOutcome,
} from './idempotency-table.ts';
import type { Verdict } from './transaction.ts';

/** Pause between two questions to a primary that does not answer. */
const askAgainMs = 200;

/** A transaction under a key whose COMMIT was not answered. */
export interface LostCommit {
  readonly executor: Executor;
  readonly primary: Endpoint;
  readonly operation: KeyedOperation;
  /** Tells it from other calls with the same key. */
  readonly attempt: Uint8Array;
}

/**
 * Finds out what became of a COMMIT that `committedOn` did not answer, by trying an `aborted` mark under
 * the operation's unique key on the primary as it is now. Asks until it knows or time is over.
 */
export async function resolveCommit(
  { executor, primary, operation, attempt }: LostCommit,
  committedOn: string,
  deadline: Deadline,
): Promise<Verdict> {
  for (;;) {
    try {
      const { outcome, server } = await executor.run([primary], {
        // A second mark only finds the first.
        access: 'write',
        isRepeatable: true,
        isRepeat: true,
        deadline,
        run: async (session) => {
          const run = (statement: Statement) => session.run(statement, deadline);
          return {
            server: session.server,
            outcome: await resolve(run, operation, attempt),
          };
        },
      });
      if (outcome === 'applied') return 'applied';
      if (outcome === 'elsewhere') return 'unknown';
      // What the other server had not passed on when it was lost is not here, committed or not.
      return server === committedOn ? 'not-applied' : 'unknown';
    } catch (error) {
      if (!isMeridianError(error)) throw error;
      if (!error.retryable || deadline.remainingMs <= askAgainMs) return 'unknown';
    }
    if (!(await hasPaused(deadline))) return 'unknown';
  }
}

async function resolve(
  run: (statement: Statement) => Promise<StatementResult>,
  operation: KeyedOperation,
  attempt: Uint8Array,
): Promise<KeyedOutcome['outcome'] | 'elsewhere'> {
  const isDuplicate = (error: unknown) =>
    typeof error === 'object' && error !== null && 'errno' in error && error.errno === 1062;
  try {
    await run(insertOutcome(operation, attempt, 'aborted'));
    if (operation.owner === null) return 'aborted';
    // After the mark: who left before took the token along, and who leaves now takes the mark.
    const { rows } = await run(selectDeparture(operation.owner));
    return rows.length === 0 ? 'aborted' : 'elsewhere';
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    const [row] = (await run(selectOutcome(operation.token))).rows;
    // Gone again: the sweeper's, or somebody's who knew better. Ask anew.
    if (row === undefined) return resolve(run, operation, attempt);
    const found = readOutcome(row);
    // Another call with the key was applied since, which this one's rollback has let through.
    if (Buffer.compare(found.attempt, attempt) !== 0) return 'aborted';
    return found.outcome;
  }
}

/** Whether anybody still waits after the pause. */
function hasPaused(deadline: Deadline): Promise<boolean> {
  return deadline.pause(askAgainMs).then(
    () => true,
    () => false,
  );
}
