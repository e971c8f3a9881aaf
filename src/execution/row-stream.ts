import type { RawRow, ResultColumn, Statement, StatementResult } from '../mysql/sql/sql.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Endpoint } from '../topology/topology.ts';
import { deferred } from './deferred.ts';
import type { Executor } from './executor.ts';

/** A stream that was answered. */
interface Opened {
  readonly first: Promise<IteratorResult<RawRow, void>>;
  readonly rows: AsyncGenerator<RawRow, void, undefined>;
}

/** How long a stream may take. */
export interface StreamLimits {
  /** Milliseconds in which a connection must be had. */
  readonly openTimeoutMs: number;
  /** Ends the stream when it passes. */
  readonly whole: Deadline;
}

/**
 * Rows of one statement as they arrive, until `whole` passes; a connection must be had within
 * `openTimeoutMs`. It is begun again only as long as nothing was answered.
 */
export async function* streamRows(
  executor: Executor,
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
  const run = executor.run(endpoints, {
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
      // A reader who never comes back holds no place beyond the deadline.
      return whole.race(finished.promise);
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

/**
 * All rows of one statement, under the limits of a stream. `onRow` is told of each as it comes, and may cancel;
 * after the first the statement is not begun again.
 */
export function collectRows(
  executor: Executor,
  endpoints: readonly Endpoint[],
  statement: Statement,
  { openTimeoutMs, whole }: StreamLimits,
  onRow: () => void,
): Promise<StatementResult> {
  // As of a stream: how long all of the rows take says nothing of how well the server is.
  const answered = deferred<void>();
  let hasBegun = false;
  return executor.run(endpoints, {
    access: 'read',
    deadline: whole,
    openTimeoutMs,
    statement: statement.sql,
    isWell: answered.promise,
    hasBegun: () => hasBegun,
    run: (session) =>
      session.collect(statement, whole, () => {
        hasBegun = true;
        answered.resolve();
        onRow();
      }),
  });
}
