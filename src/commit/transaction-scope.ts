import { ClosedError } from '../errors/call-error.ts';
import { RolledBackError, UnknownOutcomeError } from '../errors/database-error.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import { WatchedPromise } from '../execution/watched-promise.ts';
import type { Session } from '../mysql/server/session.ts';
import type { Statement, StatementResult } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';

/** The statements of one open transaction, or of a savepoint in it. Refuses to run once that has ended. */
export interface TransactionScope {
  run(statement: Statement): Promise<StatementResult>;
  /**
   * One call of the caller's, of any number of statements. It is planned at once, with what it was given,
   * and carried out once those that were asked for before have ended; the transaction may not end before it.
   */
  operation<T>(plan: () => () => Promise<T>): Promise<T>;
  /** Runs `work` so that it alone is undone when it throws; what it threw is thrown. */
  savepoint<T>(work: (scope: TransactionScope) => Promise<T>): Promise<T>;
}

/** What is under way in a transaction, or in a savepoint of it. */
interface OpenScope {
  readonly handle: TransactionScope;
  readonly running: Set<Promise<unknown>>;
  /** Failures that nobody had asked for when they came. */
  readonly unwatched: { readonly tracked: WatchedPromise<unknown>; readonly error: unknown }[];
  /** The operation that was asked for last, until it has ended. */
  last: Promise<unknown> | undefined;
  /** Whether a savepoint in it is asked for or open. */
  isBelowSavepoint: boolean;
}

/**
 * What is between BEGIN and COMMIT on one session. A statement is sent once the one before it was
 * answered and the transaction still lives: what the driver had in hand already would reach a server
 * that has rolled back, and be committed by itself. Operations of several statements take turns as well,
 * or one would find what another has half done.
 */
export class OpenTransaction {
  readonly #session: Session;
  readonly #deadline: Deadline;
  readonly #told: (error: unknown) => unknown;
  /** The newest is the one whose statements run. */
  readonly #open: OpenScope[] = [];
  /** The statement that was asked for last, until it is answered. */
  #newest: Promise<unknown> | undefined;
  #savepoints = 0;
  /** Whether something was under way when the body ended. */
  #isRunning = false;
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
      const value = await this.#deadline.race(body(scope.handle));
      await this.#assertEnded(scope, 'transaction');
      if (this.#doomed !== undefined) throw this.#doomed;
      return value;
    } finally {
      this.#isRunning = this.#open.some(({ running }) => running.size > 0);
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
    if (failure === this.#deadline.reason) return this.#isRunning ? failure : undefined;
    return this.#fault?.told === failure ? this.#fault?.raw : undefined;
  }

  #enter(): OpenScope {
    const scope: OpenScope = {
      handle: {
        run: (statement) => this.#run(scope, statement),
        operation: (plan) => this.#operation(scope, plan),
        savepoint: (work) => this.#savepoint(scope, work),
      },
      running: new Set(),
      unwatched: [],
      last: undefined,
      isBelowSavepoint: false,
    };
    this.#open.push(scope);
    return scope;
  }

  #operation<T>(scope: OpenScope, plan: () => () => Promise<T>): Promise<T> {
    const before = scope.last;
    const work = this.#inOrder(scope, before, plan);
    scope.last = Promise.allSettled([before, work]).then(() => undefined);
    return this.#track(scope, work);
  }

  async #inOrder<T>(
    scope: OpenScope,
    before: Promise<unknown> | undefined,
    plan: () => () => Promise<T>,
  ): Promise<T> {
    this.#assertOpen(scope);
    if (scope.isBelowSavepoint) throw belowSavepoint();
    const act = plan();
    if (before !== undefined) {
      await before;
      this.#assertOpen(scope);
    }
    return act();
  }

  #run(scope: OpenScope, statement: Statement): Promise<StatementResult> {
    return this.#send(scope, () => this.#session.run(statement, this.#deadline));
  }

  #send(scope: OpenScope, statement: () => Promise<StatementResult>): Promise<StatementResult> {
    const answered = this.#inTurn(this.#newest, scope, statement);
    this.#newest = answered;
    const ended = () => {
      if (this.#newest === answered) this.#newest = undefined;
    };
    answered.then(ended, ended);
    return this.#track(scope, answered);
  }

  async #inTurn(
    before: Promise<unknown> | undefined,
    scope: OpenScope,
    statement: () => Promise<StatementResult>,
  ): Promise<StatementResult> {
    this.#assertOpen(scope);
    if (this.#open.at(-1) !== scope) throw belowSavepoint();
    if (before !== undefined) {
      await Promise.allSettled([before]);
      this.#assertOpen(scope);
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
  #track<T>({ running, unwatched }: OpenScope, work: Promise<T>): Promise<T> {
    const tracked = WatchedPromise.watching(work);
    running.add(tracked);
    const ended = () => running.delete(tracked);
    work.then(ended, (error: unknown) => {
      ended();
      if (!tracked.isWatched) unwatched.push({ tracked, error });
    });
    return tracked;
  }

  #savepoint<T>(outer: OpenScope, work: (scope: TransactionScope) => Promise<T>): Promise<T> {
    return this.#operation(outer, () => {
      outer.isBelowSavepoint = true;
      return async () => {
        try {
          return await this.#nested(outer, work);
        } finally {
          outer.isBelowSavepoint = false;
        }
      };
    });
  }

  async #nested<T>(outer: OpenScope, work: (scope: TransactionScope) => Promise<T>): Promise<T> {
    if (this.#doomed !== undefined) throw this.#doomed;
    const name = `meridian_${++this.#savepoints}`;
    const control = (scope: OpenScope, sql: string) =>
      this.#send(scope, () => this.#session.control(`${sql} ${name}`, this.#deadline));
    const inner = this.#enter();
    try {
      await control(inner, 'SAVEPOINT');
      const value = await work(inner.handle);
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
  #leave(scope: OpenScope): boolean {
    const at = this.#open.indexOf(scope);
    if (at >= 0) this.#open.length = at;
    return at >= 0;
  }

  /** What was not awaited may go on to more; ending before it would cut it in half. */
  async #assertEnded(scope: OpenScope, what: 'transaction' | 'savepoint'): Promise<void> {
    const forgotten = scope.unwatched.find(({ tracked }) => !tracked.isWatched);
    const isOver = scope.running.size === 0;
    if (isOver && forgotten === undefined) return;
    this.#doomed ??= new ClosedError(
      isOver
        ? `A statement of the ${what} failed and nobody awaited it, so all was rolled back. Await each of them.`
        : `The function of the ${what} ended before its statements did, so all was rolled back. Await each of them.`,
      { cause: forgotten?.error },
    );
    await this.idle();
    throw this.#doomed;
  }

  #assertOpen(scope: OpenScope): void {
    if (!this.#open.includes(scope)) throw endedScope();
  }
}

function belowSavepoint(): ClosedError {
  return new ClosedError(
    'A savepoint is open: use the handle that its function was given, and await the savepoint.',
  );
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
  const { outcome, retryable } = failure;
  return retryable || outcome === 'unknown' || failure instanceof RolledBackError;
}

/** A handler in a trigger or a function may hide from its statement that the server rolled back. */
function endedByServer(): UnknownOutcomeError {
  return new UnknownOutcomeError(
    'The server says that the transaction ended with this statement, so what came before it is committed or rolled back. ' +
      'Look for a trigger or a function that handles errors of its own, and read the rows back.',
  );
}
