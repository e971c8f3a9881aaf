/** What all caches of the comparison hold: about 200 bytes as JSON. */
export interface Row {
  readonly id: string;
  /** Which state of the source it was read from. */
  readonly version: number;
  readonly text: string;
}

export function rowOf(id: string, version = 1): Row {
  return { id, version, text: 'Lorem ipsum dolor sit amet. '.repeat(6) };
}

/** How a cache is set up for one measurement. Passes between processes, but for `load`. */
export interface Setup {
  readonly namespace: string;
  /** A URL, or false for process memory alone. */
  readonly redis: string | false;
  readonly memory: boolean;
  /** Milliseconds a Redis command may take, where a cache can be told. */
  readonly commandTimeoutMs?: number | undefined;
  /** Loads at a time, where a cache can be told. */
  readonly loadConcurrency?: number | undefined;
  /** Life of a lease, where a cache has one. */
  readonly leaseMs?: number | undefined;
}

export type Load = (key: string) => Promise<Row>;

export interface OpenCache {
  get(key: string): Promise<Row>;
  forget(key: string): Promise<unknown>;
  close(): Promise<unknown>;
}

/** One cache of the comparison. */
export interface Rival {
  readonly name: string;
  /** Its process memory hears of what other processes forget. */
  readonly hearsOthers: boolean;
  open(setup: Setup, load: Load): OpenCache;
}

/** A source that always has what it is asked for must never become "there is none". */
export function found(row: Row | null | undefined, key: string): Row {
  if (row === null || row === undefined) throw new Error(`a cache says that there is no '${key}'`);
  return row;
}

export const ttlMs = 600_000;
export const maxEntries = 20_000;
