import { OverloadError, TimeoutError } from '../errors/call-error.ts';
import { type DriverFault, faultBehind } from '../errors/driver-fault.ts';
import { isMeridianError, type MeridianError } from '../errors/meridian-error.ts';
import type { EndpointPool } from '../mysql/server/endpoint-pool.ts';
import type { Session } from '../mysql/server/session.ts';
import { maskStatement } from '../mysql/sql/mask-statement.ts';
import type { Statement, StatementResult } from '../mysql/sql/sql.ts';
import type { CallWait } from '../observability/call-meter.ts';
import type { Observer } from '../observability/events.ts';
import { createBackoff } from '../resilience/retry/backoff.ts';
import { classifyError } from '../resilience/retry/classify.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import { within } from '../resilience/time/within.ts';
import type { Endpoint } from '../topology/topology.ts';
import { type Access, callerError, type Failure } from './caller-error.ts';
import type { Endpoints } from './endpoints.ts';
import { type Asked, ReplicaReads } from './replica-reads.ts';
import { needsAnother, Retries, type RetryConfig } from './retries.ts';

export interface ExecutorConfig extends RetryConfig {
  /** Whether slow reads of replicas are sent to a second endpoint as well. */
  readonly hedge: boolean;
}

/** One unit of work on one shard. */
export interface Work<T> {
  readonly access: Access;
  /**
   * Whether a write finds, the second time, that it is done already: then it is repeated after a lost reply.
   * Reads always are.
   */
  readonly isRepeatable?: boolean;
  readonly deadline: Deadline;
  /** For errors: the text of the work's one statement. */
  readonly statement?: string;
  /** Milliseconds in which a connection must be had, where that is less than the deadline. */
  readonly openTimeoutMs?: number;
  /** Resolves when the endpoint has answered, for work that goes on for long after that. */
  readonly isWell?: Promise<unknown>;
  /** Whether something of its result was handed out, or nobody wants it any more: it is not begun again. */
  readonly hasBegun?: (() => boolean) | undefined;
  /** Whether the shard was asked before on behalf of the same call: that earns no retries. */
  readonly isRepeat?: boolean | undefined;
  /**
   * Whether it is one statement on behalf of a call that may hold connections to this endpoint, all of them with
   * others of its kind: it waits for none that such a call holds. It must take no lock that those may keep from it.
   */
  readonly isNested?: boolean;
  /** Must settle when the deadline passes; what a session runs under it does. */
  run(session: Session): Promise<T>;
}

/** Says which endpoints may be asked, and hears of those that failed. */
export interface Admission {
  /** Undefined: it may be asked. Else settles once it may, or rejects with why it may not. */
  admit(endpoint: Endpoint, deadline: Deadline): Promise<void> | undefined;
  /** Why it may not be asked at the moment; undefined where it may. */
  whyNot(endpoint: Endpoint): string | undefined;
  /** Work on an endpoint failed, as the caller is told. */
  failed(endpoint: Endpoint, error: unknown): void;
}

/**
 * Runs work on the endpoints of a route, in their order, each through its guard.
 *
 * The only layer that retries. A read is repeated after any failure of the server, and so is a write that
 * is repeatable; another only when it is certain that nothing of it was applied; a transaction only
 * before its first statement.
 */
export class Executor {
  readonly #endpoints: Endpoints;
  readonly #retries: Retries;
  readonly #replicas: ReplicaReads;
  readonly #admission: Admission | undefined;

  /** @param admission is asked before an endpoint is; without one all of them may be. */
  constructor(
    endpoints: Endpoints,
    { hedge, ...retry }: ExecutorConfig,
    observe: Observer,
    admission?: Admission,
  ) {
    this.#endpoints = endpoints;
    this.#retries = new Retries(retry, observe);
    this.#replicas = new ReplicaReads(this.#retries, hedge, observe);
    this.#admission = admission;
  }

  /** Why an endpoint is not asked at the moment; undefined where it is. No I/O. */
  whyNot(endpoint: Endpoint): string | undefined {
    const breaker = this.#endpoints.breakerOf(endpoint);
    const isShut = breaker !== undefined && breaker !== 'closed';
    return (
      this.#admission?.whyNot(endpoint) ??
      (isShut ? `its circuit breaker is ${breaker}: calls to it failed of late` : undefined)
    );
  }

  /** Runs one statement, which stays prepared unless it says otherwise. */
  runStatement(
    endpoints: readonly Endpoint[],
    statement: Statement,
    access: 'read' | 'write',
    deadline: Deadline,
  ): Promise<StatementResult> {
    if (access === 'write' || endpoints.length === 1) {
      return this.#runOne(endpoints, statement, access, deadline);
    }
    return this.#replicas.read(endpoints, deadline, (some, limit, asked) =>
      this.#runOne(some, statement, access, limit, asked),
    );
  }

  /** Asks a primary on behalf of a call that may hold all connections to it: see {@link Work.isNested}. */
  ask(primary: Endpoint, statement: Statement, deadline: Deadline): Promise<StatementResult> {
    return this.run([primary], {
      access: 'read',
      isNested: true,
      deadline,
      statement: statement.sql,
      run: (session) => session.run(statement, deadline),
    });
  }

  /** Runs a write that finds, the second time, that it is done already: it is sent again after a lost reply. */
  runRepeatable(
    primary: Endpoint,
    statement: Statement,
    deadline: Deadline,
  ): Promise<StatementResult> {
    return this.run([primary], {
      access: 'write',
      isRepeatable: true,
      deadline,
      statement: statement.sql,
      run: (session) => session.run(statement, deadline),
    });
  }

  #runOne(
    endpoints: readonly Endpoint[],
    statement: Statement,
    access: 'read' | 'write',
    deadline: Deadline,
    asked?: Asked,
  ): Promise<StatementResult> {
    return this.run(endpoints, {
      access,
      deadline,
      statement: statement.sql,
      hasBegun: asked?.hasBegun,
      isRepeat: asked?.isRepeat,
      run: (session) => session.run(statement, deadline),
    });
  }

  async run<T>(endpoints: readonly Endpoint[], work: Work<T>): Promise<T> {
    let nextPause: (() => number) | undefined;
    for (let attempt = 1; ; attempt++) {
      const endpoint = endpoints[(attempt - 1) % endpoints.length];
      if (endpoint === undefined) throw new TypeError('a route has at least one endpoint');
      if (attempt === 1 && !work.isRepeat) this.#retries.began(endpoint.shard);
      else work.deadline.meter?.retried();
      try {
        return await this.#attempt(endpoint, work);
      } catch (error) {
        if (!isMeridianError(error) || !this.#mayRepeat(error, work, attempt, endpoints))
          throw error;
        nextPause ??= createBackoff(this.#retries.config);
        const { deadline } = work;
        await this.#retries.pause({ error, endpoint, attempt, deadline }, nextPause);
      }
    }
  }

  /** Runs a whole transaction, and again when the database rolled it back: see {@link Retries.rerun}. */
  rerun<T>(
    primary: Endpoint,
    retries: number,
    deadline: Deadline,
    attempt: () => Promise<T>,
  ): Promise<T> {
    return this.#retries.rerun(primary, retries, deadline, attempt);
  }

  async #attempt<T>(endpoint: Endpoint, work: Work<T>): Promise<T> {
    const { access, deadline, openTimeoutMs, statement, isWell, isNested, run } = work;
    const { guard, pool, repeatable } = this.#endpoints.of(endpoint);
    const isAbandoned = isRepeatable(work) && isWell === undefined;
    const { meter } = deadline;
    meter?.attempted(endpoint.shard);
    const step = meter?.trace?.step('attempt', { shard: endpoint.shard, endpoint: endpoint.name });
    let wait: CallWait | undefined;
    let session: Session | undefined;
    const isCompared = access === 'read' && isWell === undefined && endpoint.role === 'replica';
    let askedAt = 0;
    const attempt = async (opening: Deadline) => {
      const waiting = this.#admission?.admit(endpoint, opening);
      if (waiting !== undefined) await waiting;
      wait = meter?.wait('guard');
      return guard.admit(
        async () => {
          wait?.goTo('pool');
          if (isCompared) askedAt = performance.now();
          session = await pool.acquire(opening, isNested);
          wait?.end();
          // What runs from here on has the whole time.
          if (opening !== deadline) opening.end();
          if (isAbandoned) repeatable.add(session);
          try {
            const ready = session;
            return await (step === undefined ? run(ready) : step.run(() => run(ready)));
          } finally {
            repeatable.delete(session);
            session.release();
          }
        },
        opening,
        // How long a transaction takes is up to the caller's function.
        { isWell, timed: access !== 'transaction' && isWell === undefined, isNested },
      );
    };
    try {
      const result = await (openTimeoutMs === undefined
        ? attempt(deadline)
        : within(openTimeoutMs, deadline, attempt));
      if (isCompared) this.#replicas.record(endpoint, performance.now() - askedAt);
      step?.end({ failed: false });
      return result;
    } catch (error) {
      wait?.end();
      const told = await toldOf(error, pool, deadline, {
        access,
        isRepeatable: isRepeatable(work),
        phase: session?.phase ?? 'queued',
        endpoint: endpoint.name,
        shard: endpoint.shard,
        ...(statement !== undefined && { statement: maskStatement(statement) }),
      });
      this.#admission?.failed(endpoint, told);
      step?.end({ failed: true, code: isMeridianError(told) ? told.code : undefined });
      if (askedAt > 0) this.#replicas.record(endpoint, performance.now() - askedAt, told);
      throw told;
    }
  }

  #mayRepeat(
    error: MeridianError,
    work: Work<unknown>,
    attempt: number,
    endpoints: readonly Endpoint[],
  ): boolean {
    const { access, deadline, hasBegun } = work;
    if (deadline.reason !== undefined || !error.retryable || error.outcome !== 'not-applied')
      return false;
    if (attempt >= Math.max(this.#retries.config.attempts, endpoints.length) || hasBegun?.())
      return false;
    if (error instanceof TimeoutError) return false;
    // With an open breaker, or a server that is full, only another endpoint can help.
    if (needsAnother(error)) return attempt < endpoints.length;
    const fault = faultBehind(error);
    if (access === 'transaction') return fault === undefined || !wasSent(fault);
    if (fault === undefined) return !(error instanceof OverloadError);
    const { kind, repeat } = classifyError(fault);
    return repeat === 'never' ? isRepeatable(work) && kind === 'ambiguous' : true;
  }
}

function wasSent({ phase }: DriverFault): boolean {
  return phase === 'sent' || phase === 'committing';
}

function isRepeatable({ access, isRepeatable = access === 'read' }: Work<unknown>): boolean {
  return isRepeatable;
}

/** Milliseconds for which a caller waits to hear that what it lost is over, within its deadline. */
const overWithinMs = 250;

/**
 * What the caller is told. What was sent and not answered may wait for a lock and land later: where the
 * server ends it soon, the caller hears of an outcome that can be read back at once.
 */
async function toldOf(
  error: unknown,
  pool: EndpointPool,
  deadline: Deadline,
  failure: Failure,
): Promise<unknown> {
  const told = callerError(error, failure);
  if (!isMeridianError(told) || told.outcome !== 'unknown') return told;
  const ended = pool.quiet();
  if (deadline.reason !== undefined) return callerError(error, { ...failure, ended });
  let isOver = false;
  const over = ended.then((how) => {
    isOver = how === 'over';
  });
  await within(overWithinMs, deadline, (patience) => patience.race(over)).catch(() => undefined);
  return isOver ? told : callerError(error, { ...failure, ended });
}
