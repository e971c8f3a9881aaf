import { ClosedError } from '../errors/call-error.ts';
import { UnknownOutcomeError } from '../errors/database-error.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Session } from '../mysql/session.ts';
import type { Statement, StatementResult } from '../mysql/sql.ts';
import type { Deadline } from '../resilience/deadline.ts';
import { WatchedPromise } from './watched-promise.ts';

/** The statements of one open transaction, or of a savepoint in it. Refuses to run once that has ended. */
export interface TransactionScope {
  run(statement: Statement): Promise<StatementResult>;
  /** Counts work of several statements as one: the transaction may not end before it does. */
  track<T>(work: Promise<T>): Promise<T>;
  /** Runs `work` so that it alone is undone when it throws; what it threw is thrown. */
  savepoint<T>(work: (scope: TransactionScope) => Promise<T>): Promise<T>;
}

/**
 * What is between BEGIN and COMMIT on one session. A statement is sent once the one before it was
 * answered and the transaction still lives: what the driver had in hand already would reach a server
 * that has rolled back, and be committed by itself.
 */
export class OpenTransaction {
  readonly #session: Session;
  readonly #deadline: Deadline;
  readonly #told: (error: unknown) => unknown;
  readonly #running = new Set<Promise<unknown>>();
  /** Failures that nobody had asked for when they came. */
  readonly #unwatched: { readonly tracked: WatchedPromise<unknown>; readonly error: unknown }[] =
    [];
  /** The newest is the one whose statements run. */
  readonly #open: TransactionScope[] = [];
  /** The statement that was asked for last, until it is answered. */
  #newest: Promise<unknown> | undefined;
  #savepoints = 0;
  /** The server rolled back, or the connection is gone: what came after would be half of the work. */
  #doomed: unknown;
  /** What one of its own statements failed with, as the session threw it and as the caller was told. */
  #fault: { readonly raw: unknown; readonly told: unknown } | undefined;

  /** @param told turns what the session throws into what the caller is told. */
  constructor(session: Session, deadline: Deadline, told: (error: unknown) => unknown) {
    this.#session = session;
    this.#deadline = deadline;
    this.#told = told;
  }

  /** Runs the body. Rejects as it does, and when what it did can't be committed. */
  async run<T>(body: (scope: TransactionScope) => Promise<T>): Promise<T> {
    const scope = this.#enter();
    try {
      const value = await this.#deadline.race(body(scope));
      await this.#assertEnded(scope, 'transaction');
      if (this.#doomed !== undefined) throw this.#doomed;
      return value;
    } finally {
      this.#open.length = 0;
    }
  }

  /** Settles once no statement is under way any more; after the body's end none is begun. */
  async idle(): Promise<void> {
    while (this.#newest !== undefined) await Promise.allSettled([this.#newest]);
  }

  /**
   * What the session threw, when that is why the body failed; undefined when the failure is of the
   * body's own making.
   */
  faultBehind(failure: unknown): unknown {
    if (failure === this.#deadline.reason) return this.#running.size > 0 ? failure : undefined;
    return this.#fault?.told === failure ? this.#fault?.raw : undefined;
  }

  #enter(): TransactionScope {
    const scope: TransactionScope = {
      run: (statement) => this.#run(scope, statement),
      track: (work) => this.#track(work),
      savepoint: (work) => this.#savepoint(scope, work),
    };
    this.#open.push(scope);
    return scope;
  }

  #run(scope: TransactionScope, statement: Statement): Promise<StatementResult> {
    return this.#send(scope, () => this.#session.run(statement, this.#deadline));
  }

  #send(
    scope: TransactionScope,
    statement: () => Promise<StatementResult>,
  ): Promise<StatementResult> {
    const answered = this.#track(this.#inTurn(this.#newest, scope, statement));
    this.#newest = answered;
    return answered;
  }

  async #inTurn(
    before: Promise<unknown> | undefined,
    scope: TransactionScope,
    statement: () => Promise<StatementResult>,
  ): Promise<StatementResult> {
    this.#assertNewest(scope);
    if (before !== undefined) {
      await Promise.allSettled([before]);
      if (!this.#open.includes(scope)) throw endedScope();
    }
    if (this.#doomed !== undefined) throw this.#doomed;
    try {
      const result = await statement();
      if (!this.#session.isInTransaction) throw endedByServer();
      return result;
    } catch (error) {
      const raw = withinTransaction(error);
      const failure = this.#told(raw);
      this.#fault = { raw, told: failure };
      if (this.#session.isLost || isFatal(failure)) this.#doomed ??= failure;
      throw failure;
    }
  }

  /** Counts work as running; the failure of work that nobody awaits becomes the transaction's own. */
  #track<T>(work: Promise<T>): Promise<T> {
    const tracked = WatchedPromise.watching(work);
    this.#running.add(tracked);
    const ended = () => {
      this.#running.delete(tracked);
      if (this.#newest === tracked) this.#newest = undefined;
    };
    work.then(ended, (error: unknown) => {
      ended();
      if (!tracked.isWatched) this.#unwatched.push({ tracked, error });
    });
    return tracked;
  }

  async #savepoint<T>(
    outer: TransactionScope,
    work: (scope: TransactionScope) => Promise<T>,
  ): Promise<T> {
    this.#assertNewest(outer);
    if (this.#doomed !== undefined) throw this.#doomed;
    const name = `meridian_${++this.#savepoints}`;
    const control = (scope: TransactionScope, sql: string) =>
      this.#send(scope, () => this.#session.control(`${sql} ${name}`, this.#deadline));
    const inner = this.#enter();
    try {
      await control(inner, 'SAVEPOINT');
      const value = await work(inner);
      await this.#assertEnded(inner, 'savepoint');
      this.#leave(inner);
      await control(outer, 'RELEASE SAVEPOINT');
      return value;
    } catch (error) {
      // What waits for its turn in the savepoint must not come after the rollback, outside of it.
      const wasOpen = this.#leave(inner);
      // After its own rollback the server knows no savepoint any more.
      if (this.#doomed === undefined && wasOpen) await control(outer, 'ROLLBACK TO SAVEPOINT');
      throw error;
    }
  }

  /** Closes a scope and those inside it. Returns whether it was open. */
  #leave(scope: TransactionScope): boolean {
    const at = this.#open.indexOf(scope);
    if (at >= 0) this.#open.length = at;
    return at >= 0;
  }

  /** What was not awaited may go on to more; ending before it would cut it in half. */
  async #assertEnded(scope: TransactionScope, what: 'transaction' | 'savepoint'): Promise<void> {
    const forgotten = this.#unwatched.find(({ tracked }) => !tracked.isWatched);
    const isOver = this.#running.size === 0 && this.#open.at(-1) === scope;
    if (isOver && forgotten === undefined) return;
    await Promise.allSettled(this.#running);
    this.#doomed ??= new ClosedError(
      isOver
        ? `A statement of the ${what} failed and nobody awaited it, so all was rolled back. Await each of them.`
        : `The function of the ${what} ended before its statements did, so all was rolled back. Await each of them.`,
      { cause: forgotten?.error },
    );
    throw this.#doomed;
  }

  #assertNewest(scope: TransactionScope): void {
    if (this.#open.at(-1) === scope) return;
    if (!this.#open.includes(scope)) throw endedScope();
    throw new ClosedError(
      'A savepoint is open: use the handle that its function was given, and await the savepoint.',
    );
  }
}

function endedScope(): ClosedError {
  return new ClosedError('This transaction has ended; await every statement inside its function.');
}

/** A connection that is found dead takes along what was done before, also if this statement never left. */
function withinTransaction(error: unknown): unknown {
  const isUnsent = error instanceof DriverFault && error.phase === 'queued' && !error.errno;
  return isUnsent ? new DriverFault(error.message, { ...error, phase: 'sent' }) : error;
}

/** After a cancelled statement too, which nobody repeats, the rest would be half of the work. */
function isFatal(failure: unknown): boolean {
  if (!isMeridianError(failure)) return false;
  const { code, outcome, retryable } = failure;
  return retryable || outcome === 'unknown' || code === 'MERIDIAN_ROLLED_BACK';
}

/** A handler in a trigger or a function may hide from its statement that the server rolled back. */
function endedByServer(): UnknownOutcomeError {
  return new UnknownOutcomeError(
    'The server says that the transaction ended with this statement, so what came before it is committed or rolled back. ' +
      'Look for a trigger or a function that handles errors of its own, and read the rows back.',
  );
}
