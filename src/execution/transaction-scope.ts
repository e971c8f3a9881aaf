import { ClosedError } from '../errors/call-error.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import { isMeridianError, type MeridianError } from '../errors/meridian-error.ts';
import type { Session } from '../mysql/session.ts';
import type { Statement, StatementResult } from '../mysql/sql.ts';
import type { Deadline } from '../resilience/deadline.ts';

/** The statements of one open transaction, or of a savepoint in it. Refuses to run once that has ended. */
export interface TransactionScope {
  run(statement: Statement): Promise<StatementResult>;
  /** Counts work of several statements as one: the transaction may not end before it does. */
  track<T>(work: Promise<T>): Promise<T>;
  /** Runs `work` so that it alone is undone when it throws; what it threw is thrown. */
  savepoint<T>(work: (scope: TransactionScope) => Promise<T>): Promise<T>;
}

/** What is between BEGIN and COMMIT on one session. */
export class OpenTransaction {
  readonly #session: Session;
  readonly #deadline: Deadline;
  readonly #told: (error: unknown) => unknown;
  readonly #running = new Set<Promise<unknown>>();
  /** The newest is the one whose statements run. */
  readonly #open: TransactionScope[] = [];
  #savepoints = 0;
  /** The server rolled back, or the connection is gone: what came after would be half of the work. */
  #doomed: Error | undefined;
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

  async #run(scope: TransactionScope, statement: Statement): Promise<StatementResult> {
    this.#assertNewest(scope);
    if (this.#doomed !== undefined) throw this.#doomed;
    return this.#send(() => this.#session.run(statement, this.#deadline));
  }

  async #send(statement: () => Promise<StatementResult>): Promise<StatementResult> {
    try {
      return await this.#track(statement());
    } catch (error) {
      const raw = withinTransaction(error);
      const failure = this.#told(raw);
      this.#fault = { raw, told: failure };
      if (isMeridianError(failure) && isFatal(failure)) this.#doomed ??= failure;
      throw failure;
    }
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  async #savepoint<T>(
    outer: TransactionScope,
    work: (scope: TransactionScope) => Promise<T>,
  ): Promise<T> {
    this.#assertNewest(outer);
    if (this.#doomed !== undefined) throw this.#doomed;
    const name = `meridian_${++this.#savepoints}`;
    const control = (sql: string) =>
      this.#send(() => this.#session.control(`${sql} ${name}`, this.#deadline));
    const inner = this.#enter();
    try {
      await control('SAVEPOINT');
      try {
        const value = await work(inner);
        await this.#assertEnded(inner, 'savepoint');
        await control('RELEASE SAVEPOINT');
        return value;
      } catch (error) {
        // After its own rollback the server knows no savepoint any more.
        if (this.#doomed === undefined && this.#open.includes(inner)) {
          await control('ROLLBACK TO SAVEPOINT');
        }
        throw error;
      }
    } finally {
      const at = this.#open.indexOf(inner);
      if (at >= 0) this.#open.length = at;
    }
  }

  /** What was not awaited may go on to more; ending before it would cut it in half. */
  async #assertEnded(scope: TransactionScope, what: 'transaction' | 'savepoint'): Promise<void> {
    if (this.#running.size === 0 && this.#open.at(-1) === scope) return;
    await Promise.allSettled(this.#running);
    this.#doomed ??= new ClosedError(
      `The function of the ${what} ended before its statements did, so all was rolled back. Await each of them.`,
    );
    throw this.#doomed;
  }

  #assertNewest(scope: TransactionScope): void {
    if (this.#open.at(-1) === scope) return;
    throw new ClosedError(
      this.#open.includes(scope)
        ? 'A savepoint is open: use the handle that its function was given, and await the savepoint.'
        : 'This transaction has ended; await every statement inside its function.',
    );
  }
}

/** A connection that is found dead takes along what was done before, also if this statement never left. */
function withinTransaction(error: unknown): unknown {
  const isUnsent = error instanceof DriverFault && error.phase === 'queued' && !error.errno;
  return isUnsent ? new DriverFault(error.message, { ...error, phase: 'sent' }) : error;
}

/** After a cancelled statement too, which nobody repeats, the rest would be half of the work. */
function isFatal({ code, retryable }: MeridianError): boolean {
  return retryable || code === 'MERIDIAN_ROLLED_BACK';
}
