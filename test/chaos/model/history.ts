/** Microseconds of the machine's monotonic clock, which all processes of a machine share. */
export type Moment = number;

/** What `invalidate` answered, and when. From then on the write counts as acknowledged there. */
export interface Acknowledgement {
  readonly at: Moment;
  readonly outcome: 'done' | 'pending';
}

/** A write that the source committed. Each write of a key raises its version by one. */
export interface Write {
  readonly process: string;
  readonly key: string;
  readonly version: number;
  /** Whether it left the key absent: a reader then sees null. */
  readonly isAbsent: boolean;
  readonly begun: Moment;
  /** By cache. Lacking where the writer died before it was told: such a write promises nothing. */
  readonly acknowledged: ReadonlyMap<string, Acknowledgement>;
}

/** One key read through one cache. */
export interface Read {
  readonly process: string;
  readonly cache: string;
  readonly key: string;
  readonly begun: Moment;
  readonly ended: Moment;
  /** `null`: the cache said that there is none. */
  readonly version: number | null;
}

/** Everything that was done and seen. Keys begin present, with {@link firstVersion}. */
export interface History {
  readonly writes: readonly Write[];
  readonly reads: readonly Read[];
}

/** The version that each key has before the first write. */
export const firstVersion = 1;

/** How long after its acknowledgement a write of another process may still go unseen. */
export interface Bounds {
  /** Milliseconds, when `invalidate` said `done`. */
  readonly doneMs: number;
  /** Milliseconds, when it said `pending`. */
  readonly pendingMs: number;
}

/** What each cache promises, by its name. A process sees its own writes at once. */
export type Contract = ReadonlyMap<string, Bounds>;
