import { isMeridianError } from '../errors/meridian-error.ts';
import type { MeridianEvent, Observer } from '../observability/events.ts';
import type { Deadline } from '../resilience/deadline.ts';
import { Departures, type Landed, Seat } from './departures.ts';
import { FailureMemory } from './failure-memory.ts';
import { Flight } from './flight.ts';
import type { Freshness } from './freshness.ts';
import { type HotKey, HotKeys } from './hot-keys.ts';
import { type Journey, type Landing, LeasedLoads, type LoadMany } from './leased-loads.ts';
import { handOut, type MemoryEntry } from './memory-store.ts';
import { MemoryTier, type MemoryTierConfig, mayStandIn } from './memory-tier.ts';
import type { RedisStores } from './redis-regions.ts';
import { RedisTier, type RedisTierConfig } from './redis-tier.ts';
import { Refreshes } from './refreshes.ts';
import { ShadowCompare } from './shadow-compare.ts';

export interface CacheConfig<V> extends RedisTierConfig<V>, MemoryTierConfig {
  /** What events call it. */
  readonly name: string;
  /** Milliseconds for which a load's error is given to those who ask next. */
  readonly errorTtlMs: number;
  /** Milliseconds for a load that nobody waits for. */
  readonly refreshTimeoutMs: number;
  /** The part of the reads that are compared with their source. */
  readonly shadowRate: number;
}

/** One caller's wishes. */
export interface CacheCall {
  readonly deadline?: Deadline | undefined;
  /** Milliseconds: what was loaded longer ago is loaded anew. */
  readonly maxAgeMs?: number | undefined;
  /** The life of what this caller loads, where it is not the usual one. */
  readonly freshness?: Partial<Freshness> | undefined;
}

const usual: CacheCall = {};

/**
 * Read-through cache of two tiers, this process's memory and Redis. A key that several callers
 * miss is loaded once; what was loaded before an invalidation is never stored after it.
 */
export class ReadThrough<V> {
  readonly #config: CacheConfig<V>;
  readonly #maxGapMs: number;
  readonly #memory: MemoryTier<V>;
  readonly #redis: RedisTier<V> | undefined;
  readonly #loads: LeasedLoads<V>;
  readonly #departures = new Departures<V>();
  readonly #refreshes: Refreshes<V>;
  readonly #failures: FailureMemory | undefined;
  readonly #shadow: ShadowCompare<V>;
  readonly #hot: HotKeys;
  readonly #observe: Observer;
  readonly #memoryHit: MeridianEvent;

  constructor(config: CacheConfig<V>, redis: RedisStores | undefined, observe: Observer) {
    const { name, freshness, errorTtlMs, shadowRate } = config;
    const maxGapMs = redis?.own.config.maxGapMs ?? 0;
    this.#maxGapMs = maxGapMs;
    this.#config = config;
    this.#observe = observe;
    this.#hot = new HotKeys((hot) => {
      const share = hot.reduce((sum, one) => sum + one.share, 0);
      observe({ type: 'cache-hot', table: name, keys: hot.length, share });
    });
    this.#memory = new MemoryTier(config, (key) => this.#hot.betaOf(key));
    const drop = (key: string) => this.#drop(key);
    this.#redis = redis && new RedisTier(config, redis, drop, observe);
    const placementOf = (key: string) => this.#memory.placementOf(key);
    this.#loads = new LeasedLoads(this.#redis, { name, placementOf }, observe);
    this.#refreshes = new Refreshes(
      this.#loads,
      { freshness, timeoutMs: config.refreshTimeoutMs },
      {
        keep: (key, landing, flight) => this.#onRefreshed(key, landing, flight),
        drop: (key) => this.#memory.delete(key),
      },
      observe,
    );
    this.#failures = errorTtlMs > 0 ? new FailureMemory(errorTtlMs) : undefined;
    this.#shadow = new ShadowCompare({ name, rate: shadowRate, maxGapMs }, observe);
    this.#memoryHit = { type: 'cache', table: name, result: 'memory', keys: 1 };
  }

  /** The entry in memory that may be served now, or undefined. No I/O. */
  peek(key: string): MemoryEntry<V> | undefined {
    const entry = this.#memory.peek(key);
    if (entry === undefined) return undefined;
    this.#hot.count(key);
    this.#observe(this.#memoryHit);
    return entry;
  }

  /** Like `peek`, for a read that can load: now and then undefined, so that it is compared. */
  hit(key: string): MemoryEntry<V> | undefined {
    return this.#shadow.isDue() ? undefined : this.peek(key);
  }

  /** The values of keys, in their order: memory, Redis, then one `load` for all that lack. */
  async getMany(
    keys: readonly string[],
    load: LoadMany<V>,
    call: CacheCall = usual,
  ): Promise<(V | null)[]> {
    const beganAtMs = performance.now();
    const remembered = keys.map((key) => this.#remembered(key, load, call, beganAtMs));
    const lacking = new Set(
      keys.filter(
        (key, index) =>
          remembered[index] === undefined &&
          this.#departures.joinable(key) === undefined &&
          this.#failures?.of(key) === undefined,
      ),
    );
    if (lacking.size > 0) this.#takeOff([...lacking], load, call, 'redis');
    const entries = await Promise.all(
      keys.map((key, index) => remembered[index] ?? this.#land(key, load, call, beganAtMs)),
    );
    for (const [index, key] of keys.entries()) {
      const entry = entries[index];
      if (entry !== undefined) this.#shadow.sample(key, entry, load);
    }
    return entries.map(handOut);
  }

  /** Forgets keys, here and in Redis. `pending` when Redis did not confirm it yet. */
  async invalidate(keys: readonly string[]): Promise<'done' | 'pending'> {
    for (const key of keys) this.#drop(key);
    if (this.#redis === undefined || keys.length === 0) return 'done';
    return this.#redis.invalidate(keys);
  }

  /** Reports reads that may not use this cache. */
  passBy(keys: number): void {
    if (keys > 0) this.#report('bypass', keys);
  }

  /** The keys that are read most, the hottest first. */
  get hottest(): HotKey[] {
    return this.#hot.hottest;
  }

  async close(): Promise<void> {
    await this.#redis?.close();
    this.#memory.clear();
  }

  #drop(key: string): void {
    this.#memory.delete(key);
    this.#failures?.delete(key);
    this.#departures.fence(key);
    this.#refreshes.fence(key);
    this.#shadow.fence(key);
  }

  /** The entry in memory that may still be served, if only while a new one loads. */
  #remembered(
    key: string,
    load: LoadMany<V>,
    { maxAgeMs = Number.POSITIVE_INFINITY }: CacheCall,
    nowMs: number,
  ): MemoryEntry<V> | undefined {
    const entry = this.#memory.servable(key, nowMs);
    if (entry === undefined || nowMs - entry.loadedAtMs > maxAgeMs) return undefined;
    this.#hot.count(key);
    if (nowMs >= entry.refreshAtMs) this.#refreshes.start([key], load);
    if (nowMs >= entry.freshUntilMs) this.#report('stale', 1);
    else this.#observe(this.#memoryHit);
    return entry;
  }

  /** Starts one load for keys that nobody loads yet. */
  #takeOff(
    keys: readonly string[],
    load: LoadMany<V>,
    { freshness }: CacheCall,
    by: 'redis' | 'source',
  ): void {
    const flight = new Flight();
    const seats = new Map<string, Seat<V>>();
    for (const key of keys) {
      const seat = new Seat<V>(flight, this.#loads.witness(key));
      seats.set(key, seat);
      this.#departures.announce(key, seat);
    }
    void this.#fetch(keys, by, {
      flight,
      load,
      freshness: { ...this.#config.freshness, ...freshness },
      // An older value would else be served in place of the one that may not be kept.
      keepOut: (key) => {
        flight.fence(key);
        this.#memory.delete(key);
      },
      land: (key, landing) => this.#arrive(key, landing, flight, load, seats.get(key)),
      fail: (failed, error) => {
        for (const key of failed) {
          if (!flight.isFenced(key)) this.#failures?.add(key, error);
          seats.get(key)?.fail(error);
        }
      },
    });
  }

  /** Redis, then the source under a lease. */
  async #fetch(
    keys: readonly string[],
    by: 'redis' | 'source',
    journey: Journey<V>,
  ): Promise<void> {
    try {
      const { found, changed } = await this.#loads.read(by === 'redis' ? keys : []);
      const missing = keys.filter((key) => {
        const sourced = found.get(key);
        return sourced === undefined || !journey.land(key, { sourced });
      });
      if (missing.length < keys.length) this.#report('redis', keys.length - missing.length);
      if (missing.length === 0) return;
      this.#report('miss', missing.length);
      await this.#loads.load(missing, journey, changed);
    } catch (error) {
      journey.fail(keys, error);
    }
  }

  /** A value is there: from the source, or from Redis, where it may be past its time. */
  #arrive(
    key: string,
    { sourced, stored }: Landing<V>,
    flight: Flight,
    load: LoadMany<V>,
    seat: Seat<V> | undefined,
  ): boolean {
    const made = this.#memory.entryOf(key, sourced);
    const nowMs = performance.now();
    const entry = flight.isFenced(key) ? made : this.#memory.keep(key, made);
    if (nowMs >= entry.staleUntilMs && sourced.isStored) {
      if (seat !== undefined) seat.standIn = entry;
      return false;
    }
    seat?.land({ entry, asOfMs: sourced.asOfMs, stored });
    if (nowMs >= entry.refreshAtMs && sourced.isStored) this.#refreshes.start([key], load);
    return true;
  }

  /** What another process has loaded meanwhile will do, unless it is due itself. */
  #onRefreshed(key: string, { sourced }: Landing<V>, flight: Flight): boolean {
    const entry = this.#memory.entryOf(key, sourced);
    if (sourced.isStored && performance.now() >= entry.refreshAtMs) return false;
    if (!flight.isFenced(key)) this.#memory.keep(key, entry);
    return true;
  }

  /** Waits for a key as one more caller. */
  async #land(
    key: string,
    load: LoadMany<V>,
    call: CacheCall,
    beganAtMs: number,
  ): Promise<MemoryEntry<V>> {
    for (let attempt = 0; ; attempt++) {
      let seat = this.#departures.joinable(key);
      try {
        if (seat === undefined) {
          const failure = this.#failures?.of(key);
          if (failure !== undefined) throw failure.error;
          this.#takeOff([key], load, call, attempt === 0 ? 'redis' : 'source');
          seat = this.#departures.joinable(key);
          if (seat === undefined) throw new TypeError('a flight that took off is on the list');
        }
        const landed = await seat.flight.join(seat.landed, call.deadline);
        if (await this.#suits(key, landed, call, beganAtMs)) return landed.entry;
        this.#departures.withdraw(key, seat);
      } catch (error) {
        const standIn = this.#standInFor(error, key, seat);
        if (standIn === undefined) throw error;
        this.#report('stale', 1);
        return standIn;
      }
    }
  }

  /** Whether what a flight brought will do for a caller who may have joined it late. */
  async #suits(
    key: string,
    { entry, asOfMs, stored }: Landed<V>,
    { maxAgeMs }: CacheCall,
    beganAtMs: number,
  ): Promise<boolean> {
    if (maxAgeMs !== undefined && beganAtMs - entry.loadedAtMs > maxAgeMs) return false;
    if (!this.#memory.isOff || this.#redis === undefined || beganAtMs <= asOfMs) return true;
    const storedAtMs = await stored;
    if (storedAtMs !== undefined) return beganAtMs <= storedAtMs;
    // Without Redis nobody can be told, so nothing better is promised than to memory.
    return !this.#redis.isUsed(key) && beganAtMs - asOfMs < this.#maxGapMs;
  }

  /** An old value stands in for a source that can't answer, not for a row that can't be read. */
  #standInFor(error: unknown, key: string, seat: Seat<V> | undefined): MemoryEntry<V> | undefined {
    if (isMeridianError(error) && !error.retryable) return undefined;
    const found = seat?.standIn;
    return this.#memory.standIn(key) ?? (found && mayStandIn(found) ? found : undefined);
  }

  #report(result: 'redis' | 'miss' | 'stale' | 'bypass', keys: number): void {
    this.#observe({ type: 'cache', table: this.#config.name, result, keys });
  }
}
