import { DriverFault } from '../errors/driver-fault.ts';
import { isMeridianError, type MeridianError } from '../errors/meridian-error.ts';
import { maskStatement } from '../mysql/mask-statement.ts';
import type { Session } from '../mysql/session.ts';
import type { RawRow, ResultColumn, Statement, StatementResult } from '../mysql/sql.ts';
import type { Observer } from '../observability/events.ts';
import { type BackoffConfig, createBackoff } from '../resilience/backoff.ts';
import { classifyError } from '../resilience/classify.ts';
import type { Deadline } from '../resilience/deadline.ts';
import { within } from '../resilience/within.ts';
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
  /** Milliseconds in which a connection must be had, where that is less than the deadline. */
  readonly openTimeoutMs?: number;
  /** Resolves when the endpoint has answered, for work that goes on for long after that. */
  readonly isWell?: Promise<unknown>;
  /** Whether something of its result was handed out, so that it can't be begun again. */
  readonly hasBegun?: () => boolean;
  /** Must settle when the deadline passes; what a session runs under it does. */
  run(session: Session): Promise<T>;
}

/** A stream that was answered. */
interface Opened {
  readonly first: Promise<IteratorResult<RawRow, void>>;
  readonly rows: AsyncGenerator<RawRow, void, undefined>;
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
    let nextPause: (() => number) | undefined;
    for (let attempt = 1; ; attempt++) {
      const endpoint = endpoints[(attempt - 1) % endpoints.length];
      if (endpoint === undefined) throw new TypeError('a route has at least one endpoint');
      try {
        return await this.#attempt(endpoint, work);
      } catch (error) {
        if (!isMeridianError(error) || !this.#mayRepeat(error, work, attempt, endpoints))
          throw error;
        nextPause ??= createBackoff(this.#retry);
        const delayMs = isRefused(error) ? 0 : nextPause();
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
    const nextPause = createBackoff(this.#retry);
    for (let retry = 1; ; retry++) {
      try {
        return await attempt();
      } catch (error) {
        const rolledBack = rolledBackBy(error);
        if (rolledBack === undefined || retry > retries || deadline.reason !== undefined)
          throw error;
        const delayMs = nextPause();
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
   * `openTimeoutMs`. It is begun again only as long as nothing was answered.
   */
  async *stream(
    endpoints: readonly Endpoint[],
    statement: Statement,
    { openTimeoutMs, whole }: StreamLimits,
    onColumns: (columns: readonly ResultColumn[]) => void,
  ): AsyncGenerator<RawRow, void, undefined> {
    const finished = deferred<void>();
    const opened = deferred<Opened>();
    const answered = deferred<void>();
    let hasBegun = false;
    // When nobody ever ran on the session, nobody hears of its failure either.
    finished.promise.catch(() => undefined);
    // The guard's slot stays taken until the last row: `run` settles only then.
    const run = this.run(endpoints, {
      access: 'read',
      deadline: whole,
      openTimeoutMs,
      statement: statement.sql,
      isWell: answered.promise,
      hasBegun: () => hasBegun,
      async run(session) {
        const rows = session.stream(statement, whole, (columns) => {
          hasBegun = true;
          answered.resolve();
          onColumns(columns);
        });
        const first = rows.next();
        await Promise.race([answered.promise, first]);
        opened.resolve({ first, rows });
        return finished.promise;
      },
    });
    run.catch(opened.reject);
    try {
      const { first, rows } = await opened.promise;
      try {
        for (let next = await first; !next.done; next = await rows.next()) yield next.value;
      } finally {
        await rows.return();
      }
    } catch (error) {
      finished.reject(error);
    } finally {
      finished.resolve();
      await run;
    }
  }

  async #attempt<T>(
    endpoint: Endpoint,
    { access, deadline, openTimeoutMs, statement, isWell, run }: Work<T>,
  ): Promise<T> {
    const { guard, pool } = this.#endpoints.of(endpoint);
    let session: Session | undefined;
    const attempt = async (opening: Deadline) => {
      const waiting = this.#admission?.admit(endpoint, opening);
      if (waiting !== undefined) await waiting;
      return guard.admit(
        async () => {
          session = await pool.acquire(opening);
          // What runs from here on has the whole time.
          if (opening !== deadline) opening.end();
          try {
            return await run(session);
          } finally {
            session.release();
          }
        },
        opening,
        // How long a transaction takes is up to the caller's function.
        { isWell, timed: access !== 'transaction' && isWell === undefined },
      );
    };
    try {
      return await (openTimeoutMs === undefined
        ? attempt(deadline)
        : within(openTimeoutMs, deadline, attempt));
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
    { access, deadline, hasBegun }: Work<unknown>,
    attempt: number,
    endpoints: readonly Endpoint[],
  ): boolean {
    if (deadline.reason !== undefined || !error.retryable || error.outcome !== 'not-applied')
      return false;
    if (attempt >= Math.max(this.#retry.attempts, endpoints.length) || hasBegun?.()) return false;
    if (error.code === 'MERIDIAN_TIMEOUT') return false;
    // With an open breaker, or a server that is full, only another endpoint can help.
    if (isRefused(error)) return attempt < endpoints.length;
    if (access === 'transaction') return error.context.phase === 'queued';
    if (!(error.cause instanceof DriverFault)) return error.code !== 'MERIDIAN_OVERLOAD';
    const { kind, repeat } = classifyError(error.cause);
    return repeat === 'never' ? access === 'read' && kind === 'ambiguous' : true;
  }
}

/** The rollback that an error tells of, itself or as its cause. */
function rolledBackBy(error: unknown): MeridianError | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return [error, cause].find(
    (one): one is MeridianError =>
      isMeridianError(one) && one.code === 'MERIDIAN_ROLLED_BACK' && one.retryable,
  );
}

/** Whether this endpoint needs time, and another may do at once. */
function isRefused({ code, context, cause }: MeridianError): boolean {
  if (code === 'MERIDIAN_CIRCUIT_OPEN' || context.verified === false) return true;
  return cause instanceof DriverFault && classifyError(cause).repeat === 'elsewhere';
}
