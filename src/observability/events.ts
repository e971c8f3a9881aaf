import type { ErrorCode } from '../errors/meridian-error.ts';
import type { CacheEvent, MemoryRead } from './cache-events.ts';
import type { CallEvent } from './call-event.ts';
import type { DataLayerState } from './data-layer-state.ts';
import type { StatementEvent } from './statement-events.ts';
import type { CallBegun, Trace } from './trace.ts';

/**
 * What happened inside, for logs, metrics and tests. Events hold names and numbers only, never
 * parameters, keys, credentials or rows, and nothing inside reads them back.
 *
 * @example
 * const observer: Observer = (event: MeridianEvent) => {
 *   if (event.type === 'breaker') log.warn(event, `${event.guard} is ${event.state}`);
 * };
 */
export type MeridianEvent =
  | CacheEvent
  | CallEvent
  | StatementEvent
  | {
      readonly type: 'started';
      readonly epoch: number;
      readonly shards: number;
      readonly region: string | undefined;
      readonly durationMs: number;
    }
  | {
      readonly type: 'closed';
      readonly durationMs: number;
      /** Calls that were under way and ended by themselves. */
      readonly drained: number;
      /** Calls that were cut off. */
      readonly cut: number;
      readonly cutByKind: Readonly<Record<string, number>>;
    }
  | {
      readonly type: 'breaker';
      readonly guard: string;
      readonly state: 'open' | 'half-open' | 'closed';
    }
  | {
      readonly type: 'retry';
      readonly endpoint: string;
      readonly attempt: number;
      readonly delayMs: number;
      readonly code: ErrorCode;
    }
  /** Work that could be tried again is not: its shard's retry budget is spent. */
  | { readonly type: 'retry-denied'; readonly endpoint: string; readonly code: ErrorCode }
  /** A read took so long that a second endpoint is asked as well. */
  | { readonly type: 'hedge'; readonly shard: string; readonly afterMs: number }
  | {
      /** A replica does worse than its peers, and is asked last for a while. */
      readonly type: 'ejected';
      readonly endpoint: string;
      readonly because: 'failures' | 'slowness';
      readonly forMs: number;
    }
  | {
      readonly type: 'read-batch';
      readonly table: string;
      readonly shard: string;
      readonly keys: number;
    }
  | { readonly type: 'scatter'; readonly keyspace: string; readonly shards: number }
  | {
      /** An owner was moved with its group. */
      readonly type: 'relocation';
      readonly table: string;
      /** Regions. */
      readonly from: string;
      readonly to: string;
      readonly rows: number;
      /** How long writers of this owner had to wait. */
      readonly pausedMs: number;
      readonly durationMs: number;
    }
  | {
      /** Relocations whose mover died were ended. */
      readonly type: 'relocations-resolved';
      readonly shard: string;
      readonly finished: number;
      readonly reversed: number;
    }
  | {
      /** A sweep of what movers that died had left behind failed; the next one tries again. */
      readonly type: 'relocation-fault';
      readonly message: string;
    }
  | {
      /** Idempotency keys that are out of date could not be forgotten; they will be, by the next sweep. */
      readonly type: 'idempotency-fault';
      readonly message: string;
    }
  | { readonly type: 'endpoint-fault'; readonly endpoint: string; readonly message: string }
  /** An endpoint that was down when the data layer started is what the topology means: it is used now. */
  | { readonly type: 'endpoint-verified'; readonly endpoint: string }
  | {
      /** Calls begin on another topology from here on. */
      readonly type: 'topology';
      readonly source: string;
      readonly epoch: number;
      readonly revision: number;
      /** The epoch that was in force. */
      readonly before: number;
      /** Names of endpoints that are new or have another address, and of those that are left. */
      readonly added: readonly string[];
      readonly removed: readonly string[];
      /** From the document to its being in force: the time that the servers took. */
      readonly durationMs: number;
    }
  | {
      /** A document is not in force. Where servers did not answer, it is tried again. */
      readonly type: 'topology-refused';
      readonly source: string;
      readonly epoch: number | undefined;
      readonly message: string;
      readonly isRetried: boolean;
    }
  | {
      /** The source of the topology can't be read, can be read again, or its document could not be kept. */
      readonly type: 'topology-source';
      readonly source: string;
      readonly state: 'up' | 'down' | 'unkept';
      readonly message: string;
    }
  | { readonly type: 'identity-recorded'; readonly shard: string; readonly keyspace: string }
  /** A UNIQUE index keeps values apart on each shard, but two shards may hold the same one. */
  | { readonly type: 'unique-per-shard'; readonly table: string; readonly index: string }
  | {
      /**
       * Definitions of views and functions that the user may not see, by shard: what these change, or read
       * of one shard only, is not refused, and goes by what functions say of themselves. `triggers`: shards
       * on which the user may not see triggers, for which it takes `GRANT TRIGGER ON` the database: one that
       * changes cached rows, or columns that are given, is not refused there.
       */
      readonly type: 'definitions-unseen';
      readonly shards: Readonly<Record<string, number>>;
      readonly triggers: readonly string[];
    }
  | {
      /** A step that others will make up for failed. */
      readonly type: 'directory-fault';
      readonly operation: 'confirm' | 'release' | 'sweep';
      readonly message: string;
    }
  | {
      /** Writes that were abandoned half-way and are resolved now, counted in directory entries. */
      readonly type: 'directory-resolved';
      readonly applied: number;
      readonly aborted: number;
      /** Could not be resolved yet: their transaction is open, or their shard did not answer. */
      readonly pending: number;
    }
  /** The audit trail: what was refused because rows of strict regions may not be in `region`. */
  | {
      readonly type: 'residency';
      readonly action: ResidencyAction;
      /** The option `service`, and the region of its process. */
      readonly service: string;
      readonly processRegion: string | undefined;
      /** Undefined where it concerns every table of a shard. */
      readonly table: string | undefined;
      readonly strictRegions: readonly string[];
      readonly region: string | undefined;
      /** Of action `replica`: the one that is left out. */
      readonly endpoint?: string;
    };

/**
 * What the law of a strict region refused: a row placed elsewhere, a change that would move one, a
 * read over all its shards, a replica elsewhere.
 */
export type ResidencyAction = 'insert' | 'update' | 'relocate' | 'scatter' | 'replica';

/**
 * Is told of every event, synchronously; it must be quick. One that throws fails nothing: its first error
 * is a process warning.
 *
 * @example
 * const observer: Observer = (event) => {
 *   if (event.type === 'residency') log.warn(event, 'refused by the law of a region');
 * };
 * await createDataLayer({ ...options, observers: [observer] });
 */
export interface Observer {
  (event: MeridianEvent): void;
  /**
   * Whether it is to be told of events of a type, which is asked once a type. Default: of all. Calls,
   * statements and waits for connections are measured only where an observer wants `call`, `statement`, `acquire`.
   */
  readonly wants?: ((type: MeridianEvent['type']) => boolean) | undefined;
  /**
   * Is handed what reads a data layer's state, when that starts. One that has this is told no events of reads
   * that memory answers: it finds them counted there. It refuses the start by throwing a {@link ConfigError}. What
   * it returns is called when another one refuses it; else `closed` is the end.
   */
  readonly attach?: ((source: StateSource) => (() => void) | undefined) | undefined;
  /**
   * Follows a call that begins, in the context of its caller; undefined: not this one. One observer of a data layer
   * may. Reads that memory answers are over before they could be followed.
   */
  readonly trace?: ((call: CallBegun) => Trace | undefined) | undefined;
}

/**
 * What an observer may read of the data layer that it watches, at any time. Does no I/O.
 *
 * @example
 * const withGauges: Observer = Object.assign(() => {}, {
 *   attach(source: StateSource) {
 *     const timer = setInterval(() => log.info(source.state().running, 'running calls'), 10_000);
 *     return () => clearInterval(timer);
 *   },
 * });
 */
export interface StateSource {
  state(): DataLayerState;
  /** Reads that memory has answered since the start, by the event that each of them would be. */
  memoryReads(): Iterable<{ readonly event: MemoryRead; readonly count: number }>;
}

/** Whether somebody is there who wants events of a type. */
export function isWanted(observer: Observer, type: MeridianEvent['type']): boolean {
  return observer.wants?.(type) ?? true;
}
