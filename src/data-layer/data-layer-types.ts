import type { SweptOutcomes } from '../commit/outcome-sweeper.ts';
import type { DirectoryHandle } from '../directory/directory-handle.ts';
import type { CallOptions, Drained } from '../execution/call-gate.ts';
import type { PlacementReport } from '../placement/placement-report.ts';
import type { TopologyStatus } from '../reconfiguration/topology-status.ts';
import type { SweptRelocations } from '../relocation/relocation-sweeper.ts';
import type { GuardOptions } from '../resilience/guard-options.ts';
import type { Guard } from '../resilience/guard-types.ts';
import type { Tables } from '../rows/schema/row-types.ts';
import type { Session } from '../table/sessions.ts';
import type { HandleOf } from '../table/table-types.ts';
import type { Health } from '../verification/health.ts';

/**
 * How closely placement is counted.
 *
 * @example
 * const report = await data.admin.placement({ exact: true, timeoutMs: 60_000 });
 */
export interface PlacementOptions extends CallOptions {
  /**
   * Counts the rows with COUNT(*), one full scan a table: give it the time. Default: the servers'
   * estimates, which cost nothing and may be off by half.
   */
  readonly exact?: boolean;
}

/** What operators use, and jobs of theirs. */
export interface AdminMembers {
  /**
   * How slots, rows and bytes are spread over the shards, and how evenly. Asks every primary. A shard
   * that does not answer in time has an `error` in the report, which then is not `complete`.
   *
   * @throws {AbortedError}, {@link ClosedError}
   */
  placement(options?: PlacementOptions): Promise<PlacementReport>;
  /** Owners on the way to another region. */
  readonly relocations: {
    /**
     * Ends relocations whose process died: forward when the owner had changed sides, else back.
     * Every process does so now and then by itself.
     */
    sweep(options?: CallOptions): Promise<SweptRelocations>;
  };
  readonly idempotency: {
    /** Forgets keys that are older than `idempotency.keepMs`. Every process does so now and then by itself. */
    sweep(options?: CallOptions): Promise<SweptOutcomes>;
  };
  /** The directory of unique values, as a whole. */
  readonly directory: DirectoryHandle;
}

/** What came later than the names of a data layer's own members were given away. */
export interface AdminHandle extends AdminMembers {
  /**
   * Asks the topology's source now, and puts its document in force if it is a newer one.
   *
   * @throws {ConfigError} when it is refused: what was in force stays so; what the source throws; {@link UnavailableError}
   * or {@link TimeoutError} when a server does not answer that the document needs, and then it is tried again.
   */
  reload(options?: CallOptions): Promise<TopologyStatus>;
}

export interface DataLayerMembers extends AdminMembers {
  /** The members of a data layer that operators use. What comes anew is found here only. */
  readonly admin: AdminHandle;
  /** Which topology is in force, since when and from where, and why the newest one is not. No I/O. */
  topology(): TopologyStatus;
  /**
   * A guard round a dependency of yours: bulkhead, breaker, timeout, retry and fallback. The same
   * name gives the same guard, with the options of its first call.
   */
  guard(name: string, options?: Omit<GuardOptions, 'observer'>): Guard;
  /** What this process knows of itself and its servers, for probes. No I/O. */
  health(): Health;
  /**
   * Admits nothing more, finishes what is under way, then closes every connection. What has not
   * ended after `timeoutMs` (default 10,000), a stream that nobody reads say, is cut off: its caller
   * gets an AbortedError at once, with outcome `unknown` where a write was sent already. Later calls
   * get what the first one gets.
   *
   * @throws {ConfigError} when `timeoutMs` makes no sense; then nothing is closed.
   */
  close(options?: CloseOptions): Promise<CloseReport>;
  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

type TableHandles<T extends Tables> = {
  readonly [Name in keyof T]: HandleOf<T[Name], T>;
};

/**
 * A running data layer: one handle for each table.
 *
 * @example
 * const data: DataLayer<typeof tables> = await createDataLayer(options);
 * await data.users.get(id);
 * await data.session().users.update(id, { name: 'Ada L.' });
 * await data.admin.relocations.sweep();
 * await data.close();
 */
export type DataLayer<T extends Tables> = TableHandles<T> & {
  /** The same handles and nothing else: no member that comes later can be in a table's way here. */
  readonly tables: TableHandles<T>;
  /**
   * The same tables for one reader: what was written through the session its reads see, and what the
   * sessions before it wrote whose `token` it is given, in whatever process. Rows of shards that were
   * written are read from the primary, past the caches, others as ever.
   *
   * @throws {RoutingError} when this is no token.
   */
  session(token?: string): Session<T>;
} & DataLayerMembers;

/** What each data layer has, whatever its tables. */
export type WithoutTables = DataLayer<Record<never, never>>;

/**
 * How long closing may take.
 *
 * @example
 * const { cut } = await data.close({ timeoutMs: 5_000 });
 */
export interface CloseOptions {
  /** Milliseconds that what is under way may take to end by itself: over 0, below 2^31. */
  readonly timeoutMs?: number;
}

/**
 * What closing came to.
 *
 * @see {@link CloseOptions}
 */
export interface CloseReport extends Drained {
  readonly durationMs: number;
}
