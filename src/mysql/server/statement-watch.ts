import { operationOf } from '../../observability/statement-events.ts';
import type { Trace } from '../../observability/trace.ts';
import type { Cancellation } from './cancellation.ts';

/** Is told of each statement that has ended: its text, and how long it took. */
export type OnStatement = (sql: string, durationMs: number, isDone: boolean) => void;

/** A statement that is under way, for those who want its time and those who follow its call. */
export interface StatementWatch {
  /** Sends it, as a step of its call. */
  send<T>(work: () => T): T;
  /** It has ended; only the first time counts. */
  ended(isDone: boolean): void;
}

const unwatched: StatementWatch = { send: (work) => work(), ended: () => {} };

/** A statement begins. Costs nothing while nobody wants to know. */
export function watchStatement(
  sql: string,
  { meter }: Cancellation,
  tell: OnStatement | undefined,
): StatementWatch {
  const trace = meter?.trace;
  if (tell === undefined && trace === undefined) return unwatched;
  const step: Trace | undefined = trace?.step('statement', { operation: operationOf(sql) });
  const startedAt = performance.now();
  let isOver = false;
  return {
    send: (work) => (step === undefined ? work() : step.run(work)),
    ended(isDone) {
      if (isOver) return;
      isOver = true;
      tell?.(sql, performance.now() - startedAt, isDone);
      step?.end({ failed: !isDone });
    },
  };
}
