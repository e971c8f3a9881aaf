import { isWanted, type MeridianEvent, type Observer } from '../observability/events.ts';
import { type MemoryReads, memoryReadsOf } from '../observability/memory-reads.ts';
import { type CacheCall, isTooOld } from './cache-call.ts';
import { type HotKey, HotKeys } from './hot-keys.ts';
import { Drops } from './loads/drops.ts';
import { JointLoads, type Miss } from './loads/joint-loads.ts';
import { type Fill, LeasedLoads, type LoadMany } from './loads/leased-loads.ts';
import { Refreshes } from './loads/refreshes.ts';
import type { SingleFlight } from './loads/single-flight.ts';
import { coarseNow } from './memory/coarse-clock.ts';
import { handOut, type MemoryEntry } from './memory/memory-store.ts';
import { MemoryTier, type MemoryTierConfig } from './memory/memory-tier.ts';
import type { RedisStores } from './redis/redis-regions.ts';
import { RedisTier, type RedisTierConfig } from './redis/redis-tier.ts';
import { ShadowCompare } from './shadow-compare.ts';
import type { Gap, Sourced } from './sourced.ts';

export interface CacheConfig<V> extends RedisTierConfig<V>, MemoryTierConfig {
  /** What events call it. */
  readonly name: string;
  /** Milliseconds for which a load's error is given to those who ask next. */
  readonly errorTtlMs: number;
  /** Milliseconds for a load that nobody waits for. */
  readonly refreshTimeoutMs: number;
  /** The part of the reads that are compared with their source. */
  readonly shadowRate: number;
  /** What loads bring nobody else holds. Else it is copied before it is kept. */
  readonly ownsLoaded: boolean;
}

const usual: CacheCall = {};

/**
 * Read-through cache of two tiers, this process's memory and Redis. A key that several callers
 * miss is loaded once; what was loaded before an invalidation is never stored after it.
 */
export class ReadThrough<V> {
  readonly #name: string;
  readonly #memory: MemoryTier<V>;
  readonly #redis: RedisTier<V> | undefined;
  readonly #loads: LeasedLoads<V>;
  readonly #joint: JointLoads<V>;
  readonly #refreshes: Refreshes<V>;
  readonly #shadow: ShadowCompare<V>;
  readonly #hot: HotKeys;
  readonly #drops = new Drops();
  readonly #observe: Observer;
  readonly #memoryReads: MemoryReads;
  /** Whether somebody wants to know how long Redis takes. */
  readonly #isTimed: boolean;
  readonly #redisHit: MeridianEvent;

  constructor(config: CacheConfig<V>, redis: RedisStores | undefined, observe: Observer) {
    const { name, freshness, errorTtlMs, shadowRate, ownsLoaded } = config;
    const maxGapMs = redis?.own.config.maxGapMs ?? 0;
    this.#name = name;
    this.#observe = observe;
    this.#hot = new HotKeys((hot) => {
      const share = hot.reduce((sum, one) => sum + one.share, 0);
      observe({ type: 'cache-hot', table: name, keys: hot.length, share });
    });
    const memory = new MemoryTier<V>(config, (key) => this.#hot.betaOf(key));
    this.#memory = memory;
    this.#redis = redis && new RedisTier(config, redis, (key) => this.#drop(key), observe);
    const placementOf = (key: string) => memory.placementOf(key);
    this.#loads = new LeasedLoads(this.#redis, { name, placementOf, ownsLoaded }, observe);
    const report = (result: 'miss' | 'stale', keys: number) => this.#report(result, keys);
    this.#joint = new JointLoads(this.#loads, {
      memory,
      freshness,
      errorTtlMs,
      report,
    });
    this.#refreshes = new Refreshes(
      this.#loads,
      { freshness, timeoutMs: config.refreshTimeoutMs },
      {
        keep: (key, fill, flight) => this.#onRefreshed(key, fill, flight),
        drop: (key) => memory.delete(key),
      },
      observe,
    );
    this.#shadow = new ShadowCompare({ name, rate: shadowRate, maxGapMs }, observe);
    const memoryHit = { type: 'cache', table: name, result: 'memory', keys: 1 } as const;
    this.#memoryReads = memoryReadsOf(observe, memoryHit);
    this.#isTimed = isWanted(observe, 'cache-read');
    this.#redisHit = { type: 'cache', table: name, result: 'redis', keys: 1 };
  }

  /** The entry in memory that may be served now, or undefined. No I/O. */
  peek(key: string): MemoryEntry<V> | undefined {
    const entry = this.#memory.peek(key);
    if (entry === undefined) return undefined;
    this.#hot.count(key);
    this.#memoryReads.add();
    return entry;
  }

  /** Like `peek`, for a read that can load: now and then undefined, so that it is compared. */
  hit(key: string): MemoryEntry<V> | undefined {
    return this.#shadow.isDue() ? undefined : this.peek(key);
  }

  /**
   * The value of one key: memory, Redis, then `load`.
   *
   * @param loader makes the load, if one is needed.
   */
  get(key: string, loader: () => LoadMany<V>, call: CacheCall = usual): Promise<V | null> {
    const beganAtMs = performance.now();
    const entry = this.#remembered(key, loader, call, beganAtMs);
    if (entry !== undefined) return Promise.resolve(handOut(entry));
    const read = this.#readOne(key, loader, call, beganAtMs);
    return call.deadline === undefined ? read : call.deadline.race(read);
  }

  #readOne(
    key: string,
    loader: () => LoadMany<V>,
    call: CacheCall,
    beganAtMs: number,
  ): Promise<V | null> {
    const redis = this.#redis;
    if (redis === undefined) return this.#load(key, { gap: 'none' }, loader(), call, beganAtMs);
    const since = this.#drops.now;
    const step = call.deadline?.meter?.trace?.step('cache', { cache: this.#name });
    const reading = new Promise<Sourced<V> | Gap>((resolve) => {
      redis.read(key, this.#memory.placementOf(key), resolve);
    });
    // Redis answers a batch in the async context of whoever opened it. What follows may call this
    // caller's loader, and is in this caller's context because it is awaited here.
    return reading.then((found) => {
      this.#timed(1, typeof found === 'string' ? 0 : 1, beganAtMs);
      step?.end({ failed: false });
      const taken = this.#take(key, found, since, loader, call, beganAtMs);
      if ('gap' in taken) return this.#load(key, taken, loader(), call, beganAtMs);
      this.#observe(this.#redisHit);
      return handOut(taken);
    });
  }

  async #load(
    key: string,
    miss: Miss<V>,
    load: LoadMany<V>,
    call: CacheCall,
    beganAtMs: number,
  ): Promise<V | null> {
    return handOut(await this.#joint.join(key, miss, load, call, beganAtMs));
  }

  /** The values of keys, in their order: memory, Redis, then one `load` for all that lack. */
  async getMany(
    keys: readonly string[],
    load: LoadMany<V>,
    call: CacheCall = usual,
  ): Promise<(V | null)[]> {
    const beganAtMs = performance.now();
    const loader = () => load;
    const known = new Map<string, MemoryEntry<V>>();
    const lacking = new Set<string>();
    for (const key of keys) {
      const entry = known.get(key) ?? this.#remembered(key, loader, call, beganAtMs);
      if (entry === undefined) lacking.add(key);
      else known.set(key, entry);
    }
    const misses = new Map<string, Miss<V>>();
    if (lacking.size > 0) {
      const since = this.#drops.now;
      const step = call.deadline?.meter?.trace?.step('cache', { cache: this.#name });
      const reading = this.#loads.read([...lacking]);
      const inTime = call.deadline === undefined ? reading : call.deadline.race(reading);
      const found = await inTime.finally(() =>
        step?.end({ failed: call.deadline?.reason !== undefined }),
      );
      if (found.size > 0) {
        const values = [...found.values()].filter((one) => typeof one !== 'string');
        this.#timed(found.size, values.length, beganAtMs);
      }
      for (const key of lacking) {
        const taken = this.#take(key, found.get(key) ?? 'none', since, loader, call, beganAtMs);
        if ('gap' in taken) misses.set(key, taken);
        else known.set(key, taken);
      }
      if (misses.size < lacking.size) this.#report('redis', lacking.size - misses.size);
      const due = [...misses].filter(([key]) => this.#joint.isDue(key));
      const gaps = new Map(due.map(([key, { gap }]) => [key, gap]));
      if (due.length > 0) this.#joint.start(gaps, load, call);
    }
    const entries = await Promise.all(
      keys.map(
        (key) =>
          known.get(key) ??
          this.#joint.join(key, misses.get(key) ?? { gap: 'none' }, load, call, beganAtMs),
      ),
    );
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
    this.#drops.add(key);
    this.#memory.delete(key);
    this.#joint.drop(key);
    this.#refreshes.fence(key);
    this.#shadow.fence(key);
  }

  /** The entry in memory that may still be served, if only while a new one loads. */
  #remembered(
    key: string,
    loader: () => LoadMany<V>,
    call: CacheCall,
    nowMs: number,
  ): MemoryEntry<V> | undefined {
    const entry = this.#memory.servable(key, nowMs);
    if (entry === undefined || isTooOld(entry, call, nowMs)) return undefined;
    this.#served(key, entry, loader, nowMs);
    if (nowMs < entry.freshUntilMs) this.#memoryReads.add();
    return entry;
  }

  /** What Redis had, if it may be served. It is kept, unless the key was dropped since it was asked. */
  #take(
    key: string,
    found: Sourced<V> | Gap,
    since: number,
    loader: () => LoadMany<V>,
    call: CacheCall,
    beganAtMs: number,
  ): MemoryEntry<V> | Miss<V> {
    if (typeof found === 'string') return { gap: found };
    const made = this.#memory.entryOf(key, found);
    const entry = this.#drops.has(key, since) ? made : this.#memory.keep(key, made, found);
    const nowMs = coarseNow();
    if (nowMs >= entry.staleUntilMs || isTooOld(entry, call, beganAtMs)) {
      return { gap: 'unusable', standIn: entry };
    }
    this.#served(key, entry, loader, nowMs);
    return entry;
  }

  #served(key: string, entry: MemoryEntry<V>, loader: () => LoadMany<V>, nowMs: number): void {
    this.#hot.count(key);
    if (nowMs >= entry.refreshAtMs) this.#refreshes.start([key], loader());
    if (nowMs >= entry.freshUntilMs) this.#report('stale', 1);
    if (this.#shadow.isSampled()) this.#shadow.compare(key, entry, loader());
  }

  /** What another process has loaded meanwhile will do, unless it is due itself. */
  #onRefreshed(key: string, { sourced }: Fill<V>, flight: SingleFlight): boolean {
    const entry = this.#memory.entryOf(key, sourced);
    if (sourced.isStored && performance.now() >= entry.refreshAtMs) return false;
    if (!flight.isFenced(key)) this.#memory.keep(key, entry, sourced);
    return true;
  }

  /** Redis has answered. */
  #timed(keys: number, found: number, beganAtMs: number): void {
    if (!this.#isTimed) return;
    const durationMs = performance.now() - beganAtMs;
    this.#observe({ type: 'cache-read', table: this.#name, keys, found, durationMs });
  }

  #report(result: 'redis' | 'miss' | 'stale' | 'bypass', keys: number): void {
    this.#observe({ type: 'cache', table: this.#name, result, keys });
  }
}
