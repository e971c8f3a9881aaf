import type { HotKey } from './hot-keys.ts';

/**
 * How long a read may take, and how old its value may be.
 *
 * @example
 * await prices.get('EUR', fetchPrice, { maxAgeMs: 1_000, timeoutMs: 200 });
 */
export interface CacheGetOptions {
  signal?: AbortSignal;
  /** Milliseconds this caller waits. Default: as long as the load takes. */
  timeoutMs?: number;
  /** Milliseconds: a value that was loaded longer ago is loaded anew. Default: as old as it is fresh. */
  maxAgeMs?: number;
  /** Milliseconds that what this call loads is served, here and by others. Default: the cache's. */
  ttlMs?: number;
  /** The same, for "there is none". */
  negativeTtlMs?: number;
}

/**
 * What a loader is told.
 *
 * @see {@link Cache}
 */
export interface LoaderCall {
  /** Fires when nobody waits for the value any more, or the load's time is over. */
  readonly signal: AbortSignal;
}

/**
 * A read-through cache in front of any source.
 *
 * @example
 * const price = await prices.get('EUR', ({ signal }) => fetchPrice({ signal }));
 * await prices.invalidate('EUR');
 * await prices.close();
 */
export interface Cache<V> {
  /**
   * The value of a key: from memory, from Redis, or loaded by one process for all that ask meanwhile.
   * Values are deep-frozen copies; Dates, Maps and bytes in them are copied for each caller. What no
   * tier could give back as it is, an instance of a class say, is handed out and not kept. A loader runs
   * in the async context of the caller who began the load, and says with `null` that there is none.
   *
   * @throws what `load` throws, to all who waited for it; `OverloadError` when too many loads
   * wait, `TimeoutError` when the time of the load or of this caller is over.
   */
  get(
    key: string,
    load: (call: LoaderCall) => Promise<V | null>,
    options?: CacheGetOptions,
  ): Promise<V | null>;
  /**
   * Many values, in the order of `keys`; `loadMany` is asked once, for those that lack.
   *
   * @throws as `get`; `LoaderError` when `loadMany` answers with another number of values.
   */
  getMany(
    keys: readonly string[],
    loadMany: (keys: readonly string[], call: LoaderCall) => Promise<readonly (V | null)[]>,
    options?: CacheGetOptions,
  ): Promise<(V | null)[]>;
  /** The value in memory, `null` when it is known to be absent, else undefined. No I/O. */
  peek(key: string): V | null | undefined;
  /**
   * Forgets keys, here and wherever they are cached. A load under way is not stored, and later gets do
   * not join it. `pending` when Redis did not confirm: it is tried again, and this process does not
   * believe Redis about these keys meanwhile.
   */
  invalidate(...keys: string[]): Promise<'done' | 'pending'>;
  /** The keys that take more than a hundredth of the reads, the hottest first; found by sampling. */
  hotKeys(): HotKey[];
  /**
   * Resolves once Redis is used, with false when it is not within `timeoutMs` (default 5,000). Nothing
   * has to wait for it: a cache serves from the source meanwhile.
   */
  ready(options?: { readonly timeoutMs?: number }): Promise<boolean>;
  /**
   * Ends loads that run with a {@link ClosedError}, stops the retries after a last attempt at what Redis was not
   * told, and closes the connections. Afterwards nothing is loaded.
   */
  close(): Promise<void>;
}
