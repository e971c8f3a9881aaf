import { ClosedError } from '../errors/call-error.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import { isMeridianError, type MeridianError } from '../errors/meridian-error.ts';
import type { Session } from '../mysql/session.ts';
import type { Statement, StatementResult } from '../mysql/sql.ts';
import { Deadline } from '../resilience/deadline.ts';
import type { Endpoint } from '../topology/topology.ts';
import { callerError } from './caller-error.ts';
import type { Executor } from './executor.ts';

const rollbackTimeoutMs = 2_000;

/** The statements of one open transaction. Refuses to run once the transaction has ended. */
export interface TransactionScope {
  run(statement: Statement): Promise<StatementResult>;
}

/** The server's default holds where none is asked for. */
export type Isolation = 'REPEATABLE READ';

export interface Committed<T> {
  readonly value: T;
  readonly gtid: string | undefined;
}

/**
 * Runs `body` between BEGIN and COMMIT on a shard's primary. When `body` throws, the work is rolled
 * back and the same error is thrown.
 *
 * @throws {UnknownOutcomeError} when the reply to COMMIT is lost; {@link RolledBackError} after a
 * deadlock or when the connection is lost before COMMIT.
 */
export async function runTransaction<T>(
  executor: Executor,
  primary: Endpoint,
  deadline: Deadline,
  body: (scope: TransactionScope) => Promise<T>,
  isolation?: Isolation,
): Promise<Committed<T>> {
  // What the caller's own code throws says nothing about the endpoint, so it travels as a value
  // past the guard, whose breaker counts what is thrown.
  const settled = await executor.run([primary], {
    access: 'transaction',
    deadline,
    run: (session) => attempt(session, primary, deadline, body, isolation),
  });
  if ('committed' in settled) return settled.committed;
  throw settled.failure;
}

type Settled<T> = { readonly committed: Committed<T> } | { readonly failure: unknown };

async function attempt<T>(
  session: Session,
  primary: Endpoint,
  deadline: Deadline,
  body: (scope: TransactionScope) => Promise<T>,
  isolation: Isolation | undefined,
): Promise<Settled<T>> {
  const told = (error: unknown) =>
    callerError(error, {
      access: 'transaction',
      phase: session.phase,
      endpoint: primary.name,
      shard: primary.shard,
    });
  if (isolation !== undefined) {
    // For the next transaction only, so the connection's next user is not concerned.
    await session.control(`SET TRANSACTION ISOLATION LEVEL ${isolation}`, deadline);
  }
  await session.control('BEGIN', deadline);
  let ended = false;
  // The server rolled back, or the connection is gone: what came after would be half of the work.
  let doomed: Error | undefined;
  const running = new Set<Promise<unknown>>();
  const run = async (statement: Statement): Promise<StatementResult> => {
    if (ended) {
      throw new ClosedError(
        'This transaction has ended; await every statement inside its function.',
      );
    }
    if (doomed !== undefined) throw doomed;
    const result = session.run(statement, deadline);
    running.add(result);
    try {
      return await result;
    } catch (error) {
      const failure = told(error);
      if (isMeridianError(failure) && (failure.retryable || isRolledBack(failure))) {
        doomed ??= failure;
      }
      throw failure;
    } finally {
      running.delete(result);
    }
  };
  let value: T;
  try {
    value = await deadline.race(body({ run }));
    if (running.size > 0) {
      // What the body did not await may go on to more; committing would cut it in half.
      await Promise.allSettled(running);
      doomed ??= new ClosedError(
        'The function of the transaction ended before its statements did, so all was rolled back. Await each of them.',
      );
    }
    if (doomed !== undefined) throw doomed;
  } catch (failure) {
    ended = true;
    // Past the deadline its statement may still run: the connection is closed, not waited for.
    if (deadline.reason === undefined) await rollBack(session);
    else session.discard();
    return { failure: failure === deadline.reason ? told(failure) : failure };
  }
  ended = true;
  try {
    const { gtid } = await session.control('COMMIT', deadline, 'committing');
    return { committed: { value, gtid } };
  } catch (error) {
    // The transaction may still be open on it.
    session.discard();
    if (!(error instanceof DriverFault) || error.phase !== 'queued') throw error;
    // The connection was lost before COMMIT; told as a value, or the whole body would be repeated.
    return { failure: told(new DriverFault(error.message, { ...error, phase: 'sent' })) };
  }
}

/** Cancelled statements too, which nobody repeats. */
function isRolledBack({ code }: MeridianError): boolean {
  return code === 'MERIDIAN_ROLLED_BACK';
}

/** A connection that can't be rolled back in time is closed, which rolls back as well. */
async function rollBack(session: Session): Promise<void> {
  const patience = new Deadline(rollbackTimeoutMs);
  try {
    await session.control('ROLLBACK', patience);
  } catch {
    session.discard();
  } finally {
    patience.end();
  }
}
