import { RolledBackError } from '../errors/database-error.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import { callerError } from '../execution/caller-error.ts';
import type { Executor } from '../execution/executor.ts';
import type { Session } from '../mysql/server/session.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import { within } from '../resilience/time/within.ts';
import type { Endpoint } from '../topology/topology.ts';
import { OpenTransaction, type TransactionScope } from './transaction-scope.ts';

const rollbackTimeoutMs = 2_000;

/** The server's default holds where none is asked for. */
export type Isolation = 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';

/** What became of a transaction whose COMMIT was not answered. */
export type Verdict = 'applied' | 'not-applied' | 'unknown';

/** Finds out what became of a COMMIT that was sent to `server` and not answered. */
export type Resolve = (server: string, deadline: Deadline) => Promise<Verdict>;

export interface TransactionConfig {
  readonly isolation?: Isolation | undefined;
  readonly resolve?: Resolve | undefined;
}

export interface Committed<T> {
  readonly value: T;
  readonly gtid: string | undefined;
}

/**
 * Runs `body` between BEGIN and COMMIT on a shard's primary. When `body` throws, the work is rolled
 * back and the same error is thrown.
 *
 * @throws {UnknownOutcomeError} when the reply to COMMIT is lost and can't be found out;
 * {@link RolledBackError} after a deadlock or when the connection is lost before COMMIT.
 */
export async function runTransaction<T>(
  executor: Executor,
  primary: Endpoint,
  deadline: Deadline,
  body: (scope: TransactionScope) => Promise<T>,
  { isolation, resolve }: TransactionConfig = {},
): Promise<Committed<T>> {
  let committing: Committing<T> | undefined;
  let faulty: Failed | undefined;
  let hasBegun = false;
  const run = async (session: Session): Promise<Settled<T>> => {
    const { server } = session;
    return attempt({ session, primary, deadline, isolation }, body, {
      onBegin: () => {
        hasBegun = true;
      },
      onFault: (failed) => {
        faulty = failed;
      },
      onCommit: (value) => {
        committing = { value, server };
      },
    });
  };
  // What the caller's own code throws says nothing about the endpoint, so it travels as a value
  // past the guard, whose breaker counts what is thrown.
  const settled = await executor
    .run([primary], { access: 'transaction', deadline, hasBegun: () => hasBegun, run })
    .catch((failure: unknown) => faulty ?? resolved(failure, committing, resolve, deadline));
  if ('committed' in settled) return settled.committed;
  throw settled.failure;
}

type Settled<T> = { readonly committed: Committed<T> } | Failed;

interface Failed {
  readonly failure: unknown;
}

/** What the body gave, and the server that was asked to commit it. */
interface Committing<T> {
  readonly value: T;
  readonly server: string;
}

/** Is told how far an attempt has come. */
interface Progress<T> {
  onBegin(): void;
  /** What it failed with, as its caller is to be told; what is thrown then is for the guard only. */
  onFault(failed: Failed): void;
  onCommit(value: T): void;
}

interface Attempt {
  readonly session: Session;
  readonly primary: Endpoint;
  readonly deadline: Deadline;
  readonly isolation: Isolation | undefined;
}

async function attempt<T>(
  { session, primary, deadline, isolation }: Attempt,
  body: (scope: TransactionScope) => Promise<T>,
  { onBegin, onFault, onCommit }: Progress<T>,
): Promise<Settled<T>> {
  const told = (error: unknown) =>
    callerError(error, {
      access: 'transaction',
      phase: session.phase,
      endpoint: primary.name,
      shard: primary.shard,
    });
  // Until the body's first statement nothing was done, so all of it may be sent again.
  if (isolation !== undefined) {
    // For the next transaction only, so the connection's next user is not concerned.
    await session.control(`SET TRANSACTION ISOLATION LEVEL ${isolation}`, deadline, 'queued');
  }
  await session.control('BEGIN', deadline, 'queued');
  const transaction = new OpenTransaction(session, deadline, told);
  let value: T;
  try {
    onBegin();
    value = await transaction.run(body);
  } catch (failure) {
    const fault = transaction.faultBehind(failure);
    // Past the deadline its statement may still run: the connection is closed, not waited for.
    if (deadline.reason === undefined) await rollBack(session, transaction, deadline);
    else session.discard();
    const failed = { failure: failure === deadline.reason ? told(failure) : failure };
    if (fault === undefined) return failed;
    // For the guard to judge, which hears nothing of what travels as a value.
    onFault(failed);
    throw fault;
  }
  try {
    onCommit(value);
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

/** What can be found out of a failure whose outcome is unknown; any other one is thrown again. */
async function resolved<T>(
  failure: unknown,
  committing: Committing<T> | undefined,
  resolve: Resolve | undefined,
  deadline: Deadline,
): Promise<Settled<T>> {
  const isUnknown = isMeridianError(failure) && failure.outcome === 'unknown';
  if (!isUnknown || committing?.server === undefined || deadline.reason !== undefined)
    throw failure;
  switch (await resolve?.(committing.server, deadline)) {
    case 'applied':
      return { committed: { value: committing.value, gtid: undefined } };
    case 'not-applied':
      throw new RolledBackError(
        'The reply to COMMIT was lost, and it was found that nothing was applied. Run the whole of it again.',
        { cause: failure.cause, context: failure.context },
      );
    default:
      throw failure;
  }
}

/**
 * After the statement that is under way, whose repetition would come after the ROLLBACK and be committed
 * by itself. A connection that can't be rolled back in time is closed, which rolls back as well.
 */
async function rollBack(
  session: Session,
  transaction: OpenTransaction,
  deadline: Deadline,
): Promise<void> {
  try {
    await within(rollbackTimeoutMs, deadline, async (patience) => {
      await patience.race(transaction.idle());
      await session.control('ROLLBACK', patience);
    });
  } catch {
    session.discard();
  }
}
