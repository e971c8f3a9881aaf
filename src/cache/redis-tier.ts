import type { Observer } from '../observability/events.ts';
import { decodeStored, encodeStored } from './codec.ts';
import { InvalidationQueue } from './invalidation-queue.ts';
import type { RedisStores } from './redis-regions.ts';
import type { Fill, RedisStore } from './redis-store.ts';

export interface RedisTierConfig<V> {
  /** Separates this cache's keys in Redis from every other's. */
  readonly namespace: string;
  /** Fingerprint of the values' shape: entries written under another one are misses. */
  readonly schema: string;
  /** Checks what another process stored; undefined when it is no value of this cache: a miss. */
  readonly decode: (value: unknown) => V | undefined;
}

/** A value and when it was read from its source. */
export interface Dated<V> {
  /** `null`: the source has nothing under this key. */
  readonly value: V | null;
  /** Milliseconds since 1970. */
  readonly storedAtMs: number;
}

/** The right to fill each of these keys, by key. */
export type Leases = ReadonlyMap<string, string>;

/**
 * One cache's part of Redis. While an invalidation is not confirmed it does not believe what Redis
 * says about that key, and fills nothing under it. The Redis of other regions are only told what to
 * forget: all of them, since an id says where its row was born, not where copies of it are.
 */
export class RedisTier<V> {
  readonly #config: RedisTierConfig<V>;
  readonly #store: RedisStore;
  readonly #queue: InvalidationQueue;
  readonly #elsewhere: readonly InvalidationQueue[];
  readonly #observe: Observer;
  /** What Redis is being told without anybody waiting for it. */
  readonly #asides = new Set<Promise<void>>();

  constructor(config: RedisTierConfig<V>, { own, others }: RedisStores, observe: Observer) {
    this.#config = config;
    this.#store = own;
    this.#observe = observe;
    const queueOf = (store: RedisStore) =>
      new InvalidationQueue((keys) => store.invalidate(config.namespace, keys), observe);
    this.#queue = queueOf(own);
    this.#elsewhere = others.map(queueOf);
  }

  /** What Redis holds under these keys. Empty when it can't tell. */
  async read(keys: readonly string[]): Promise<Map<string, Dated<V>>> {
    const found = new Map<string, Dated<V>>();
    const trusted = keys.filter((key) => !this.#queue.has(key));
    if (trusted.length === 0) return found;
    const texts = await this.#store.get(this.#config.namespace, trusted);
    for (const [index, key] of trusted.entries()) {
      const text = texts?.[index];
      // Invalidated while Redis was asked: the answer may be from before.
      if (text === undefined || text === null || this.#queue.has(key)) continue;
      const stored = this.#decode(text);
      if (stored !== undefined) found.set(key, stored);
    }
    return found;
  }

  /** Takes the leases that are free. */
  async lease(keys: readonly string[]): Promise<Leases> {
    const trusted = keys.filter((key) => !this.#queue.has(key));
    if (trusted.length === 0) return new Map();
    return this.#store.lease(this.#config.namespace, trusted);
  }

  /**
   * Stores values whose leases hold, and gives back the leases of the others. Not awaited: the read
   * is answered, Redis may take its time.
   */
  fill(leases: Leases, values: ReadonlyMap<string, Dated<V> & { readonly lifeMs: number }>): void {
    const fills: Fill[] = [];
    const idle = new Map<string, string>();
    for (const [key, token] of leases) {
      const stored = values.get(key);
      const text = stored && stored.lifeMs > 0 ? this.#encode(stored) : undefined;
      if (stored === undefined || text === undefined) idle.set(key, token);
      else fills.push({ key, token, text, lifeMs: stored.lifeMs });
    }
    if (fills.length > 0) this.#aside(this.#store.fill(this.#config.namespace, fills));
    this.release(idle);
  }

  /** Gives back the leases of a load that failed. Not awaited either. */
  release(leases: Leases): void {
    if (leases.size > 0) this.#aside(this.#store.release(this.#config.namespace, leases));
  }

  /** `pending` when one Redis did not confirm; it is told again until it does. */
  async invalidate(keys: readonly string[]): Promise<'done' | 'pending'> {
    if (this.#elsewhere.length === 0) return this.#queue.invalidate(keys);
    const queues = [this.#queue, ...this.#elsewhere];
    const results = await Promise.all(queues.map((queue) => queue.invalidate(keys)));
    return results.includes('pending') ? 'pending' : 'done';
  }

  async close(): Promise<void> {
    await Promise.all(this.#asides);
    await Promise.all([this.#queue, ...this.#elsewhere].map((queue) => queue.close()));
  }

  #encode({ value, storedAtMs }: Dated<V>): string | undefined {
    try {
      return encodeStored({ value, storedAtMs }, this.#config.schema);
    } catch (error) {
      // A value with a function or a circle in it: this process can hold it, Redis can't.
      const message = error instanceof Error ? error.message : String(error);
      this.#observe({ type: 'cache-fault', operation: 'encode', message });
      return undefined;
    }
  }

  #decode(text: string): Dated<V> | undefined {
    const stored = decodeStored(text, this.#config.schema);
    const value = stored?.value === null ? null : this.#config.decode(stored?.value);
    if (stored !== undefined && value !== undefined) {
      // A writer's clock may be ahead; nothing was stored in the future.
      return { value, storedAtMs: Math.min(stored.storedAtMs, Date.now()) };
    }
    const message = 'not an entry of this cache';
    this.#observe({ type: 'cache-fault', operation: 'decode', message });
    return undefined;
  }

  #aside(work: Promise<void>): void {
    this.#asides.add(work);
    void work.then(() => this.#asides.delete(work));
  }
}
