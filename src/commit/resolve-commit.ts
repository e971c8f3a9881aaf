import { isMeridianError } from '../errors/meridian-error.ts';
import type { Executor } from '../execution/executor.ts';
import type { Statement, StatementResult } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Endpoint } from '../topology/topology.ts';
import {
  insertOutcome,
  type KeyedOperation,
  readOutcome,
  selectOutcome,
  selectOwnedOutcome,
} from './idempotency-table.ts';
import { type Answer, afterAnswer, type Fate, firstQuestion, verdictOf } from './key-protocol.ts';
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
      const { fate, isSameServer } = await executor.run([primary], {
        // A second mark only finds the first.
        access: 'write',
        isRepeatable: true,
        isRepeat: true,
        deadline,
        run: async (session) => {
          const run = (statement: Statement) => session.run(statement, deadline);
          return {
            isSameServer: session.server === committedOn,
            fate: await fateOf(run, operation, attempt),
          };
        },
      });
      return verdictOf(fate, isSameServer);
    } catch (error) {
      if (!isMeridianError(error)) throw error;
      if (!error.retryable || deadline.remainingMs <= askAgainMs) return 'unknown';
    }
    if (!(await hasPaused(deadline))) return 'unknown';
  }
}

/** Goes through the questions of the protocol on one session. */
async function fateOf(
  run: (statement: Statement) => Promise<StatementResult>,
  operation: KeyedOperation,
  attempt: Uint8Array,
): Promise<Fate> {
  const { owner, token } = operation;
  const question = owner === null ? selectOutcome(token) : selectOwnedOutcome(operation);
  const ask = {
    async mark(): Promise<Answer> {
      try {
        await run(insertOutcome(operation, attempt, 'aborted'));
        return { to: 'mark', stands: true };
      } catch (error) {
        const isMet = error instanceof Error && 'errno' in error && error.errno === 1062;
        if (!isMet) throw error;
        return { to: 'mark', stands: false };
      }
    },
    async record(): Promise<Answer> {
      const [row] = (await run(question)).rows;
      const hasLeft = Number(row?.hasLeft ?? 0) === 1;
      if (row === undefined || row.outcome === null)
        return { to: 'record', found: undefined, hasLeft };
      const { outcome, attempt: by } = readOutcome(row);
      const isOwn = Buffer.compare(by, attempt) === 0;
      return { to: 'record', found: { outcome, isOwn }, hasLeft };
    },
  };
  let at = firstQuestion;
  while ('ask' in at) at = afterAnswer(await ask[at.ask](), owner !== null);
  return at.fate;
}

/** Whether anybody still waits after the pause. */
function hasPaused(deadline: Deadline): Promise<boolean> {
  return deadline.pause(askAgainMs).then(
    () => true,
    () => false,
  );
}
