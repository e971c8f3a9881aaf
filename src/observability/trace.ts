import type { CallEvent } from './call-event.ts';

/**
 * What a call is made of: `cache`, Redis was asked; `queue`, a wait of a millisecond and more; `load` and `batch`,
 * work that several calls share; `attempt`, an endpoint was tried; `statement`.
 *
 * @see {@link Trace}
 */
export type StepName = 'cache' | 'queue' | 'load' | 'batch' | 'attempt' | 'statement';

/**
 * Names of the code and of the topology, and numbers: no key, parameter, SQL or row.
 *
 * @see {@link Trace}
 */
export type StepFacts = Readonly<Record<string, string | number>>;

/**
 * A call, or a step of one, that an observer follows.
 *
 * @example
 * const traced: Observer = Object.assign(() => {}, {
 *   trace: ({ operation }: CallBegun): Trace => {
 *     const trace: Trace = {
 *       step: () => trace,
 *       run: (work) => work(),
 *       link: () => {},
 *       end: () => {},
 *       endCall: ({ durationMs }) => log.info({ operation, durationMs }, 'call'),
 *     };
 *     return trace;
 *   },
 * });
 */
export interface Trace {
  /**
   * A step below this one begins, or below that in which the caller {@link run}s.
   *
   * @param startedAt when it began, on the clock of `performance`; default now.
   */
  step(name: StepName, facts: StepFacts, startedAt?: number): Trace;
  /** Runs work in this step. */
  run<T>(work: () => T): T;
  /** It waits for a step of another call as well. */
  link(shared: Trace): void;
  /** It is over. @param code of the error it failed with. */
  end(result: { readonly failed: boolean; readonly code?: string | undefined }): void;
  /** The call is over. */
  endCall(event: CallEvent): void;
}

/**
 * What is known of a call when it begins.
 *
 * @see {@link Trace}
 */
export type CallBegun = Pick<CallEvent, 'operation' | 'table'>;
