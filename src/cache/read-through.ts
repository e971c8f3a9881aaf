import type { MeridianEvent, Observer } from '../observability/events.ts';
import { Deadline } from '../resilience/deadline.ts';
import { decodeStored, encodeStored } from './codec.ts';
import { Flight } from './flight.ts';
import { InvalidationQueue } from './invalidation-queue.ts';
import { handOut, type MemoryEntry, MemoryStore } from './memory-store.ts';
import type { Fill, RedisStore } from './redis-store.ts';

export interface CacheConfig<V> {
  /** What events call it. */
  readonly name: string;
  /** Separates this cache's keys in Redis from every other's. */
  readonly namespace: string;
  /** Fingerprint of the values' shape: entries written under another one are misses. */
  readonly schema: string;
  /** Checks what another process stored; undefined when it is no value of this cache: a miss. */
  readonly decode: (value: unknown) => V | undefined;
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly negativeTtlMs: number;
  /** How long this memory is served without asking Redis again. */
  readonly memoryTtlMs: number;
  readonly maxEntries: number;
}

/** Loads the values of keys, in their order; null where the source has none. */
export type LoadMany<V> = (
  keys: readonly string[],
  call: Deadline,
) => Promise<readonly (V | null)[]>;

/** A value found in Redis. */
interface Found<V> {
  readonly value: V | null;
  readonly storedAtMs: number;
}

const refreshTimeoutMs = 10_000;

/**
 * Read-through cache of two tiers, this process's memory and Redis. A key that several callers
 * miss is loaded once; what was loaded before an invalidation is never stored after it.
 */
export class ReadThrough<V> {
  readonly #config: CacheConfig<V>;
  readonly #memory: MemoryStore<V>;
  readonly #redis: RedisStore | undefined;
  readonly #queue: InvalidationQueue | undefined;
  readonly #observe: Observer;
  readonly #flights = new Map<string, { flight: Flight; entry: Promise<MemoryEntry<V>> }>();
  readonly #refreshes = new Map<string, Flight>();
  readonly #memoryHit: MeridianEvent;

  constructor(config: CacheConfig<V>, redis: RedisStore | undefined, observe: Observer) {
    this.#config = config;
    this.#memory = new MemoryStore(config.maxEntries);
    this.#redis = redis;
    this.#observe = observe;
    this.#memoryHit = { type: 'cache', table: config.name, result: 'memory', keys: 1 };
    this.#queue =
      redis && new InvalidationQueue((keys) => redis.invalidate(config.namespace, keys), observe);
  }

  /** The entry in memory that may be served now, or undefined. No I/O. */
  peek(key: string): MemoryEntry<V> | undefined {
    const entry = this.#memory.get(key);
    if (entry === undefined || Date.now() >= entry.trustedUntilMs) return undefined;
    this.#observe(this.#memoryHit);
    return entry;
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
    if (this.#queue === undefined || keys.length === 0) return 'done';
    return this.#queue.invalidate(keys);
  }

  async close(): Promise<void> {
    await this.#queue?.close();
    this.#memory.clear();
  }

  /** Starts one load for keys that nobody loads yet. */
  #takeOff(keys: readonly string[], load: LoadMany<V>): void {
    const flight = new Flight();
    const entries = this.#fetch(keys, flight, load);
    for (const key of keys) {
      const entry = entries.then(
        (all) => all.get(key) ?? this.#remember(key, null, Date.now(), flight),
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
    const entries = new Map<string, MemoryEntry<V>>();
    const stale: string[] = [];
    const stored =
      this.#redis === undefined
        ? new Map<string, Found<V>>()
        : await this.#readRedis(keys, this.#redis);
    const now = Date.now();
    if (this.#redis === undefined) {
      for (const key of keys) {
        const old = this.#memory.get(key);
        if (old === undefined || now >= old.staleUntilMs) continue;
        entries.set(key, old);
        stale.push(key);
      }
    }
    for (const [key, { value, storedAtMs }] of stored) {
      const entry = this.#remember(key, value, storedAtMs, flight);
      if (entry.staleUntilMs <= now) continue;
      entries.set(key, entry);
      if (storedAtMs + this.#ttlOf(value) <= now) stale.push(key);
    }
    if (stale.length > 0) this.#refresh(stale, load);
    if (entries.size > stale.length) this.#report('redis', entries.size - stale.length);
    if (stale.length > 0) this.#report('stale', stale.length);
    const missing = keys.filter((key) => !entries.has(key));
    if (missing.length > 0) {
      this.#report('miss', missing.length);
      for (const [key, entry] of await this.#load(missing, flight, load)) entries.set(key, entry);
    }
    return entries;
  }

  async #readRedis(keys: readonly string[], redis: RedisStore): Promise<Map<string, Found<V>>> {
    const found = new Map<string, Found<V>>();
    const trusted = keys.filter((key) => !this.#queue?.has(key));
    if (trusted.length === 0) return found;
    const texts = await redis.get(this.#config.namespace, trusted);
    for (const [index, key] of trusted.entries()) {
      const text = texts?.[index];
      // Invalidated while Redis was asked: the answer may be from before.
      if (text === undefined || text === null || this.#queue?.has(key)) continue;
      const stored = decodeStored(text, this.#config.schema);
      const value = stored?.value === null ? null : this.#config.decode(stored?.value);
      if (stored !== undefined && value !== undefined) {
        found.set(key, { value, storedAtMs: stored.storedAtMs });
      } else
        this.#observe({
          type: 'cache-fault',
          operation: 'decode',
          message: 'not an entry of ours',
        });
    }
    return found;
  }

  async #load(
    keys: readonly string[],
    flight: Flight,
    load: LoadMany<V>,
  ): Promise<Map<string, MemoryEntry<V>>> {
    const leasable = keys.filter((key) => !this.#queue?.has(key));
    const leases =
      leasable.length === 0
        ? undefined
        : await this.#redis?.lease(this.#config.namespace, leasable);
    const storedAtMs = Date.now();
    let loaded: readonly (V | null)[];
    try {
      loaded = await load(keys, flight.deadline);
    } catch (error) {
      if (leases !== undefined && leases.size > 0) {
        void this.#redis?.release(this.#config.namespace, leases);
      }
      throw error;
    }
    const entries = new Map<string, MemoryEntry<V>>();
    const fills: Fill[] = [];
    for (const [index, key] of keys.entries()) {
      const value = loaded[index] ?? null;
      entries.set(key, this.#remember(key, value, storedAtMs, flight));
      const token = leases?.get(key);
      if (token !== undefined && !flight.isFenced(key)) {
        fills.push(this.#fillOf(key, token, value, storedAtMs));
      }
    }
    // Not awaited: the read is answered, and Redis may take its time.
    if (fills.length > 0) void this.#redis?.fill(this.#config.namespace, fills);
    return entries;
  }

  #fillOf(key: string, token: string, value: V | null, storedAtMs: number): Fill {
    const { schema, staleMs } = this.#config;
    const text = encodeStored({ value, storedAtMs }, schema);
    return { key, token, text, lifeMs: this.#ttlOf(value) + (value === null ? 0 : staleMs) };
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

  #remember(key: string, value: V | null, storedAtMs: number, flight: Flight): MemoryEntry<V> {
    const freshUntilMs = storedAtMs + this.#ttlOf(value);
    const staleUntilMs = freshUntilMs + (value === null ? 0 : this.#config.staleMs);
    const trustedUntilMs = Math.min(Date.now() + this.#config.memoryTtlMs, freshUntilMs);
    const entry = { value, storedAtMs, trustedUntilMs, staleUntilMs };
    if (flight.isFenced(key) || staleUntilMs <= Date.now()) return { ...entry, needsCopy: true };
    // What Redis holds may be older than what this process loaded itself.
    const held = this.#memory.get(key);
    return held !== undefined && held.storedAtMs > storedAtMs ? held : this.#memory.set(key, entry);
  }

  #ttlOf(value: V | null): number {
    return value === null ? this.#config.negativeTtlMs : this.#config.ttlMs;
  }

  #report(result: 'redis' | 'miss' | 'stale', keys: number): void {
    this.#observe({ type: 'cache', table: this.#config.name, result, keys });
  }
}
