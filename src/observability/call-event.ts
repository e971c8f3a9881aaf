import type { ErrorCode, Outcome } from '../errors/meridian-error.ts';

/** Where a call may have to wait for its turn: the guard of an endpoint, its connections, the room for cache loads. */
export type CallQueue = 'guard' | 'pool' | 'load';

/** Milliseconds of a call's time during which some part of it waited in each queue. */
export type QueuedMs = Readonly<Record<CallQueue, number>>;

/**
 * A public call, as its caller writes it: `at.query` is `at(key).query(…)`, `by.get` is `by(column, value).get()`,
 * `all` and `put` are those of reference tables.
 *
 * @see {@link CallEvent}
 */
export type CallOperation =
  | 'get'
  | 'getMany'
  | 'insert'
  | 'insertMany'
  | 'update'
  | 'delete'
  | 'relocate'
  | 'backfill'
  | 'by.get'
  | 'at.get'
  | 'at.getMany'
  | 'at.list'
  | 'at.query'
  | 'at.execute'
  | 'at.stream'
  | 'at.transaction'
  | 'everywhere.query'
  | 'everywhere.each'
  | 'everywhere.stream'
  | 'all'
  | 'put'
  | 'placement'
  | 'reload'
  | 'directory.sweep'
  | 'idempotency.sweep'
  | 'relocations.sweep';

/**
 * A public call has ended: the one event that each has, whatever came of it.
 *
 * @example
 * const slow: Observer = (event) => {
 *   if (event.type === 'call' && event.durationMs > 500) log.warn(event, 'slow call');
 * };
 */
export interface CallEvent {
  readonly type: 'call';
  readonly operation: CallOperation;
  /** Undefined of calls that concern no one table. */
  readonly table: string | undefined;
  /** The shards that were asked, the first one first: none where a cache answered. */
  readonly shards: readonly string[];
  /** Of a stream: until its reader had the last row, or left. 0 of a read that memory answered at once. */
  readonly durationMs: number;
  readonly queuedMs: QueuedMs;
  /** How often an endpoint was tried, also where its guard refused. */
  readonly attempts: number;
  /** How many of the attempts, or of whole transactions, were not the first. */
  readonly retries: number;
  /** What the call did to the data where it failed; `failed`: by an error of the caller's own. */
  readonly outcome: 'done' | Outcome | 'failed';
  /** Undefined of calls that are `done`, or `failed`. */
  readonly code: ErrorCode | undefined;
}
