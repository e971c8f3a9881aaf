import { isMeridianError, type MeridianError } from '../errors/meridian-error.ts';
import { maskStatement } from '../mysql/mask-statement.ts';
import type { Session } from '../mysql/session.ts';
import type { RawRow, ResultColumn, Statement, StatementResult } from '../mysql/sql.ts';
import type { Observer } from '../observability/events.ts';
import { type BackoffConfig, backoffMs } from '../resilience/backoff.ts';
import { classifyError } from '../resilience/classify.ts';
import { Deadline } from '../resilience/deadline.ts';
import type { Endpoint } from '../topology/topology.ts';
import { type Access, callerError } from './caller-error.ts';
import { deferred } from './deferred.ts';
import type { Endpoints } from './endpoints.ts';

export interface RetryConfig extends BackoffConfig {
  /** Attempts in all, the first included. */
  readonly attempts: number;
}

/** One unit of work on one shard. */
export interface Work<T> {
  readonly access: Access;
  readonly deadline: Deadline;
  /** For errors: the text of the work's one statement. */
  readonly statement?: string;
  /** Resolves when the endpoint has answered, for work that goes on for long after that. */
  readonly isWell?: Promise<unknown>;
  /** Must settle when the deadline passes; what a session runs under it does. */
  run(session: Session): Promise<T>;
}

/** Says which endpoints may be asked, and hears of those that failed. */
export interface Admission {
  /** Undefined: it may be asked. Else settles once it may, or rejects with why it may not. */
  admit(endpoint: Endpoint, deadline: Deadline): Promise<void> | undefined;
  /** Work on an endpoint failed, as the caller is told. */
  failed(endpoint: Endpoint, error: unknown): void;
}

/** How long a stream may take. */
export interface StreamLimits {
  /** Milliseconds in which a connection must be had. */
  readonly openTimeoutMs: number;
  /** Ends the stream when it passes. */
  readonly whole: Deadline;
}

/**
 * Runs work on the endpoints of a route, in their order, each through its guard.
 *
 * The only layer that retries. A read is repeated after any failure of the server; a write only
 * when it is certain that nothing of it was applied; a transaction only before its first statement.
 */
export class Executor {
  readonly #endpoints: Endpoints;
  readonly #retry: RetryConfig;
  readonly #observe: Observer;
  readonly #admission: Admission | undefined;

  /** @param admission is asked before an endpoint is; without one all of them may be. */
  constructor(endpoints: Endpoints, retry: RetryConfig, observe: Observer, admission?: Admission) {
    this.#endpoints = endpoints;
    this.#retry = retry;
    this.#observe = observe;
    this.#admission = admission;
  }

  /** Runs one statement, which stays prepared unless it says otherwise. */
  runStatement(
    endpoints: readonly Endpoint[],
    statement: Statement,
    access: 'read' | 'write',
    deadline: Deadline,
  ): Promise<StatementResult> {
    return this.run(endpoints, {
      access,
      deadline,
      statement: statement.sql,
      run: (session) => session.run(statement, deadline),
    });
  }

  async run<T>(endpoints: readonly Endpoint[], work: Work<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const endpoint = endpoints[(attempt - 1) % endpoints.length];
      if (endpoint === undefined) throw new TypeError('a route has at least one endpoint');
      try {
        return await this.#attempt(endpoint, work);
      } catch (error) {
        if (!isMeridianError(error) || !this.#mayRepeat(error, work, attempt, endpoints))
          throw error;
        const refused = isKeptOut(error);
        const delayMs = refused ? 0 : backoffMs(attempt, this.#retry);
        if (delayMs >= work.deadline.remainingMs) throw error;
        this.#observe({
          type: 'retry',
          endpoint: endpoint.name,
          attempt,
          delayMs,
          code: error.code,
        });
        if (delayMs > 0) await work.deadline.pause(delayMs);
      }
    }
  }

  /**
   * Runs `attempt`, a whole transaction, again when the database rolled it back, up to `retries` times.
   * Nothing of it was applied, so it can't be applied twice; what it did elsewhere is done again.
   */
  async rerun<T>(
    primary: Endpoint,
    retries: number,
    deadline: Deadline,
    attempt: () => Promise<T>,
  ): Promise<T> {
    for (let retry = 1; ; retry++) {
      try {
        return await attempt();
      } catch (error) {
        const rolledBack = rolledBackBy(error);
        if (rolledBack === undefined || retry > retries || deadline.reason !== undefined)
          throw error;
        const delayMs = backoffMs(retry, this.#retry);
        if (delayMs >= deadline.remainingMs) throw error;
        const { code } = rolledBack;
        this.#observe({ type: 'retry', endpoint: primary.name, attempt: retry, delayMs, code });
        await deadline.pause(delayMs);
      }
    }
  }

  /** Resolves when nothing that was given up runs on an endpoint any more. */
  quiet(endpoint: Endpoint): Promise<void> {
    return this.#endpoints.of(endpoint).pool.quiet();
  }

  /**
   * Rows of one statement as they arrive, until `whole` passes; a connection must be had within
   * `openTimeoutMs`. Only the opening is repeated, never half a result.
   */
  async *stream(
    endpoints: readonly Endpoint[],
    statement: Statement,
    { openTimeoutMs, whole }: StreamLimits,
    onColumns: (columns: readonly ResultColumn[]) => void,
  ): AsyncGenerator<RawRow, void, undefined> {
    const finished = deferred<void>();
    const opened = deferred<Session>();
    const answered = deferred<void>();
    // When nobody ever ran on the session, nobody hears of its failure either.
    finished.promise.catch(() => undefined);
    const opening = new Deadline(openTimeoutMs);
    const stopListening = whole.onCancel((reason) => opening.cancel(reason));
    // The guard's slot stays taken until the last row: `run` settles only then.
    const run = this.run(endpoints, {
      access: 'read',
      deadline: opening,
      statement: statement.sql,
      isWell: answered.promise,
      run(session) {
        opening.end();
        opened.resolve(session);
        return finished.promise;
      },
    });
    run.catch(opened.reject);
    try {
      const session = await opened.promise;
      yield* session.stream(statement, whole, (columns) => {
        answered.resolve();
        onColumns(columns);
      });
    } catch (error) {
      // What was opened is not opened again: its rows were handed out.
      if (error instanceof Error) opening.cancel(error);
      finished.reject(error);
    } finally {
      stopListening();
      opening.end();
      finished.resolve();
      await run;
    }
  }

  async #attempt<T>(
    endpoint: Endpoint,
    { access, deadline, statement, isWell, run }: Work<T>,
  ): Promise<T> {
    const { guard, pool } = this.#endpoints.of(endpoint);
    let session: Session | undefined;
    try {
      const waiting = this.#admission?.admit(endpoint, deadline);
      if (waiting !== undefined) await waiting;
      return await guard.admit(
        async () => {
          session = await pool.acquire(deadline);
          try {
            return await run(session);
          } finally {
            session.release();
          }
        },
        deadline,
        isWell,
      );
    } catch (error) {
      const told = callerError(error, {
        access,
        phase: session?.phase ?? 'queued',
        endpoint: endpoint.name,
        shard: endpoint.shard,
        ...(statement !== undefined && { statement: maskStatement(statement) }),
      });
      this.#admission?.failed(endpoint, told);
      throw told;
    }
  }

  #mayRepeat(
    error: MeridianError,
    { access, deadline }: Work<unknown>,
    attempt: number,
    endpoints: readonly Endpoint[],
  ): boolean {
    if (deadline.reason !== undefined || !error.retryable || error.outcome !== 'not-applied')
      return false;
    if (attempt >= Math.max(this.#retry.attempts, endpoints.length)) return false;
    // Only another endpoint can help.
    if (isKeptOut(error)) return attempt < endpoints.length;
    if (error.code === 'MERIDIAN_OVERLOAD') return false;
    if (access === 'transaction') return error.context.phase === 'queued';
    return classifyError(error.cause).kind !== 'statement-rolled-back';
  }
}

/** Whether an endpoint was not asked at all: its breaker is open, or it was never verified. */
function isKeptOut({ code, context }: MeridianError): boolean {
  return code === 'MERIDIAN_CIRCUIT_OPEN' || context.verified === false;
}

/** The rollback that an error tells of, itself or as its cause. */
function rolledBackBy(error: unknown): MeridianError | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return [error, cause].find(
    (one): one is MeridianError => isMeridianError(one) && one.code === 'MERIDIAN_ROLLED_BACK',
  );
}
