import { isMeridianError } from '../errors/meridian-error.ts';
import type { MeridianEvent, Observer } from '../observability/events.ts';
import { Deadline } from '../resilience/deadline.ts';
import { Flight } from './flight.ts';
import { handOut, type MemoryEntry, MemoryStore } from './memory-store.ts';
import type { RedisStores } from './redis-regions.ts';
import { type Dated, RedisTier, type RedisTierConfig } from './redis-tier.ts';

export interface CacheConfig<V> extends RedisTierConfig<V> {
  /** What events call it. */
  readonly name: string;
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly negativeTtlMs: number;
  /** How long this memory is served without asking Redis again. */
  readonly memoryTtlMs: number;
  readonly maxEntries: number;
}

/** Said during a load: what it brings under this key, a value or its absence, must not be stored. */
export type KeepOut = (key: string) => void;

/** Loads the values of keys, in their order; null where the source has none. */
export type LoadMany<V> = (
  keys: readonly string[],
  call: Deadline,
  keepOut: KeepOut,
) => Promise<readonly (V | null)[]>;

const refreshTimeoutMs = 10_000;

/**
 * Read-through cache of two tiers, this process's memory and Redis. A key that several callers
 * miss is loaded once; what was loaded before an invalidation is never stored after it.
 */
export class ReadThrough<V> {
  readonly #config: CacheConfig<V>;
  readonly #memory: MemoryStore<V>;
  readonly #redis: RedisTier<V> | undefined;
  readonly #observe: Observer;
  readonly #flights = new Map<string, { flight: Flight; entry: Promise<MemoryEntry<V>> }>();
  readonly #refreshes = new Map<string, Flight>();
  readonly #memoryHit: MeridianEvent;

  constructor(config: CacheConfig<V>, redis: RedisStores | undefined, observe: Observer) {
    this.#config = config;
    this.#memory = new MemoryStore(config.maxEntries);
    this.#redis = redis && new RedisTier(config, redis, observe);
    this.#observe = observe;
    this.#memoryHit = { type: 'cache', table: config.name, result: 'memory', keys: 1 };
  }

  /** The entry in memory that may be served now, or undefined. No I/O. */
  peek(key: string): MemoryEntry<V> | undefined {
    const entry = this.#trusted(key);
    if (entry !== undefined) this.#observe(this.#memoryHit);
    return entry;
  }

  #trusted(key: string): MemoryEntry<V> | undefined {
    const entry = this.#memory.get(key);
    return entry !== undefined && Date.now() < entry.trustedUntilMs ? entry : undefined;
  }

  /** The values of keys, in their order: memory, Redis, then one `load` for all that lack. */
  async getMany(
    keys: readonly string[],
    load: LoadMany<V>,
    caller: Deadline | undefined,
  ): Promise<(V | null)[]> {
    const missing = new Set<string>();
    const found = keys.map((key) => {
      const entry = this.peek(key);
      if (entry === undefined && this.#joinable(key) === undefined) missing.add(key);
      return entry;
    });
    if (missing.size > 0) this.#takeOff([...missing], load);
    return Promise.all(
      keys.map(async (key, index) =>
        handOut(found[index] ?? (await this.#land(key, load, caller))),
      ),
    );
  }

  /** Forgets keys, here and in Redis. `pending` when Redis did not confirm it yet. */
  async invalidate(keys: readonly string[]): Promise<'done' | 'pending'> {
    for (const key of keys) {
      this.#memory.delete(key);
      this.#flights.get(key)?.flight.fence(key);
      this.#flights.delete(key);
      this.#refreshes.get(key)?.fence(key);
    }
    if (this.#redis === undefined || keys.length === 0) return 'done';
    return this.#redis.invalidate(keys);
  }

  /** Reports reads that may not use this cache. */
  passBy(keys: number): void {
    this.#report('bypass', keys);
  }

  async close(): Promise<void> {
    await this.#redis?.close();
    this.#memory.clear();
  }

  /** Starts one load for keys that nobody loads yet. */
  #takeOff(keys: readonly string[], load: LoadMany<V>): void {
    const flight = new Flight();
    const entries = this.#fetch(keys, flight, load);
    for (const key of keys) {
      const entry = entries.then(
        (all) =>
          all.get(key) ?? this.#remember(key, { value: null, storedAtMs: Date.now() }, flight),
      );
      // One that was given up may still bring a value; an invalidation will not find it any more.
      this.#flights.get(key)?.flight.fence(key);
      this.#flights.set(key, { flight, entry });
      const leave = () => {
        if (this.#flights.get(key)?.flight === flight) this.#flights.delete(key);
      };
      entry.then(leave, leave);
    }
  }

  /** The load of a key that one more caller may join: not one that its last caller has ended. */
  #joinable(key: string) {
    const found = this.#flights.get(key);
    return found?.flight.deadline.reason === undefined ? found : undefined;
  }

  async #land(
    key: string,
    load: LoadMany<V>,
    caller: Deadline | undefined,
  ): Promise<MemoryEntry<V>> {
    // A flight fenced since this caller looked is not joined: it began before the invalidation.
    if (this.#joinable(key) === undefined) this.#takeOff([key], load);
    const found = this.#joinable(key);
    if (found === undefined) throw new TypeError('a flight that took off is on the list');
    try {
      return await found.flight.join(found.entry, caller);
    } catch (error) {
      // An old row stands in for a source that can't answer, not for a caller who left or a row that
      // can't be read.
      if (isMeridianError(error) && !error.retryable) throw error;
      const stale = this.#memory.get(key);
      if (stale === undefined || Date.now() >= stale.staleUntilMs) throw error;
      this.#report('stale', 1);
      return stale;
    }
  }

  /** Redis, then the source under a lease. Entries that are past their time are refreshed aside. */
  async #fetch(
    keys: readonly string[],
    flight: Flight,
    load: LoadMany<V>,
  ): Promise<Map<string, MemoryEntry<V>>> {
    const stored = (await this.#redis?.read(keys)) ?? this.#inMemory(keys);
    const entries = new Map<string, MemoryEntry<V>>();
    const stale: string[] = [];
    const now = Date.now();
    for (const [key, dated] of stored) {
      // What this process still trusts, it loaded or was told later than it asked Redis.
      const entry = this.#trusted(key) ?? this.#remember(key, dated, flight);
      if (entry.staleUntilMs <= now) continue;
      entries.set(key, entry);
      if (entry.freshUntilMs <= now) stale.push(key);
    }
    if (stale.length > 0) this.#refresh(stale, load);
    if (stale.length > 0) this.#report('stale', stale.length);
    if (entries.size > stale.length) this.#report('redis', entries.size - stale.length);
    const missing = keys.filter((key) => !entries.has(key));
    if (missing.length > 0) {
      this.#report('miss', missing.length);
      for (const [key, entry] of await this.#load(missing, flight, load)) entries.set(key, entry);
    }
    return entries;
  }

  /** Without Redis, what this process remembers past its time is all there is. */
  #inMemory(keys: readonly string[]): Map<string, Dated<V>> {
    const found = new Map<string, Dated<V>>();
    for (const key of keys) {
      const entry = this.#memory.get(key);
      if (entry !== undefined) found.set(key, entry);
    }
    return found;
  }

  async #load(
    keys: readonly string[],
    flight: Flight,
    load: LoadMany<V>,
  ): Promise<Map<string, MemoryEntry<V>>> {
    const leases = (await this.#redis?.lease(keys)) ?? new Map<string, string>();
    // Its life is counted from before the load, whose answer may be as old as that.
    const storedAtMs = Date.now();
    // An older value would else be served, past its time, in place of the one that may not be kept.
    const keepOut = (key: string) => {
      flight.fence(key);
      this.#memory.delete(key);
    };
    let values: readonly (V | null)[];
    try {
      values = await load(keys, flight.deadline, keepOut);
    } catch (error) {
      this.#redis?.release(leases);
      throw error;
    }
    const entries = new Map<string, MemoryEntry<V>>();
    const fills = new Map<string, Dated<V> & { readonly lifeMs: number }>();
    for (const [index, key] of keys.entries()) {
      const dated = { value: values[index] ?? null, storedAtMs };
      const entry = this.#remember(key, dated, flight);
      entries.set(key, entry);
      const lifeMs = entry.staleUntilMs - storedAtMs;
      if (!flight.isFenced(key)) fills.set(key, { ...dated, lifeMs });
    }
    this.#redis?.fill(leases, fills);
    return entries;
  }

  /** Loads keys whose entries are past their time, once at a time, while the old ones are served. */
  #refresh(keys: readonly string[], load: LoadMany<V>): void {
    const due = keys.filter((key) => !this.#refreshes.has(key));
    if (due.length === 0) return;
    const flight = new Flight();
    const patience = new Deadline(refreshTimeoutMs);
    patience.onCancel((reason) => flight.deadline.cancel(reason));
    for (const key of due) this.#refreshes.set(key, flight);
    this.#load(due, flight, load)
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        this.#observe({ type: 'cache-fault', operation: 'refresh', message });
      })
      .finally(() => {
        patience.end();
        for (const key of due) this.#refreshes.delete(key);
      });
  }

  #remember(key: string, { value, storedAtMs }: Dated<V>, flight: Flight): MemoryEntry<V> {
    const { ttlMs, negativeTtlMs, staleMs, memoryTtlMs } = this.#config;
    const freshUntilMs = storedAtMs + (value === null ? negativeTtlMs : ttlMs);
    const staleUntilMs = freshUntilMs + (value === null ? 0 : staleMs);
    const trustedUntilMs = Math.min(Date.now() + memoryTtlMs, freshUntilMs);
    const entry = { value, storedAtMs, freshUntilMs, trustedUntilMs, staleUntilMs };
    if (flight.isFenced(key) || staleUntilMs <= Date.now()) return { ...entry, needsCopy: true };
    return this.#memory.set(key, entry);
  }

  #report(result: 'redis' | 'miss' | 'stale' | 'bypass', keys: number): void {
    this.#observe({ type: 'cache', table: this.#config.name, result, keys });
  }
}
