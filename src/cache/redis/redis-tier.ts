import { randomBytes } from 'node:crypto';
import type { Observer } from '../../observability/events.ts';
import type { Gap, Loaded, Sourced } from '../sourced.ts';
import type { Witness } from '../trust.ts';
import type { OnInvalidated } from './invalidation-channel.ts';
import { InvalidationQueue } from './invalidation-queue.ts';
import { type EntryConfig, RedisEntries } from './redis-entries.ts';
import { valueKey } from './redis-keys.ts';
import type { RedisStores } from './redis-regions.ts';
import type { RedisStore } from './redis-store.ts';

export interface RedisTierConfig<V> extends EntryConfig<V> {
  /** Separates this cache's keys in Redis from every other's. */
  readonly namespace: string;
  /** Milliseconds that it is remembered that a key was changed; 0: not at all. */
  readonly markMs: number;
}

/**
 * Who may load a key: by right of a lease, or another process does, or nobody can be asked. `mayLag`:
 * when the lease was granted the key was known not to have changed of late.
 */
export type Lease<V> =
  | { readonly kind: 'granted'; readonly token: string; readonly mayLag: boolean }
  | { readonly kind: 'held' | 'alone' }
  | { readonly kind: 'found'; readonly sourced: Sourced<V> };

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
  readonly #entries: RedisEntries<V>;
  /** What Redis is being told without anybody waiting for it. */
  readonly #asides = new Set<Promise<unknown>>();

  constructor(
    config: RedisTierConfig<V>,
    { own, others }: RedisStores,
    onInvalidated: OnInvalidated,
    observe: Observer,
  ) {
    this.#config = config;
    this.#store = own;
    this.#entries = new RedisEntries(config, own.config.maxEntryBytes, observe);
    const queueOf = (store: RedisStore, index = -1) => {
      const name = index < 0 ? config.namespace : `${config.namespace} elsewhere ${index}`;
      const target = {
        invalidate: (keys: readonly string[]) => this.#tell(store, keys),
        forgetAll: () => store.forgetAll(config.namespace, config.markMs),
      };
      return new InvalidationQueue(name, target, own.config.maxPendingInvalidations, observe);
    };
    this.#queue = queueOf(own);
    this.#elsewhere = others.map(queueOf);
    own.listen(config.namespace, onInvalidated);
  }

  get leaseMs(): number {
    return this.#store.config.leaseMs;
  }

  /** Who tells of a change of a key from now on. */
  witness(key: string): Witness {
    return this.#store.witness(this.#name(key));
  }

  /** Tells what Redis holds under a key. Without a promise, since most reads end here. */
  read(key: string, placement: string, onFound: (found: Sourced<V> | Gap) => void): void {
    if (this.#queue.has(key)) {
      onFound('none');
      return;
    }
    this.#store.read(this.#name(key), (text, asked) => {
      // Invalidated while Redis was asked: the answer may be from before.
      onFound(this.#queue.has(key) ? 'none' : this.#entries.decode(text, asked, placement));
    });
  }

  /** Takes the lease of a key that has no value in Redis, unless it has one by now. */
  async lease(key: string, gap: Gap, placement: string): Promise<Lease<V>> {
    const server = this.#store.serverOf(this.#name(key));
    if (server === undefined || this.#queue.has(key)) return { kind: 'alone' };
    const token = tokenOf(server);
    const readings: (Sourced<V> | Gap)[] = [];
    const isAbsent = gap !== 'unusable';
    const leavesMarks = this.#config.markMs > 0;
    const wish = { isAbsent, leavesMarks };
    const taken = await this.#store.lease(this.#name(key), token, wish, (text, asked) => {
      readings.push(this.#entries.decode(text, asked, placement));
    });
    if (taken === 'held') return { kind: 'held' };
    if (taken !== undefined) {
      const mayLag = taken === 'granted' && (await this.#isKnownUnchanged(key));
      return { kind: 'granted', token, mayLag };
    }
    const [found] = readings;
    if (typeof found === 'object') return { kind: 'found', sourced: found };
    // What can't be read is loaded anew; asked so, Redis answers with no value again.
    if (found !== 'unusable' || !isAbsent) return { kind: 'alone' };
    return this.lease(key, found, placement);
  }

  /** Keeps a lease while its load goes on. */
  renew(key: string, token: string): void {
    if (!isOf(token, this.#store.serverOf(this.#name(key)))) return;
    this.#aside(this.#store.renew(this.#name(key), token));
  }

  /**
   * Stores a value by right of its lease. Nobody has to wait for it.
   *
   * @returns whether it was stored.
   */
  async fill(
    key: string,
    token: string,
    value: Loaded<V>,
    { lifeMs, placement }: { readonly lifeMs: number; readonly placement: string },
  ): Promise<boolean> {
    const name = this.#name(key);
    const server = this.#store.serverOf(name);
    const version = this.#entries.versionOf(value.value);
    // What was invalidated on the server that gave the lease, the next one may not have heard.
    const isSame = isOf(token, server);
    const text =
      server &&
      isSame &&
      version !== undefined &&
      this.#entries.encode(value, version, server, placement);
    if (!text || version === undefined || this.#queue.has(key)) {
      this.release(key, token);
      return false;
    }
    const filling = this.#store.fill(name, token, { text, version, lifeMs });
    this.#aside(filling);
    return (await filling) === true;
  }

  /** Gives back a lease whose load brought nothing to store. */
  release(key: string, token: string): void {
    this.#aside(this.#store.release(this.#name(key), token));
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

  #name(key: string): string {
    return valueKey(this.#config.namespace, key);
  }

  /**
   * Whether a key without a mark was not changed of late: Redis has lost none for so long, and nobody had
   * to forget more than it could name.
   */
  async #isKnownUnchanged(key: string): Promise<boolean> {
    const { markMs, namespace } = this.#config;
    return markMs > 0 && (await this.#store.unlostForMs(namespace, this.#name(key))) > markMs;
  }

  async #tell(store: RedisStore, keys: readonly string[]): Promise<boolean> {
    const { namespace, markMs } = this.#config;
    const told = await Promise.all(
      keys.map((key) => store.invalidate(namespace, this.#name(key), key, markMs)),
    );
    return told.every((isDone) => isDone);
  }

  #aside(work: Promise<unknown>): void {
    this.#asides.add(work);
    void work.finally(() => this.#asides.delete(work));
  }
}

/** A lease is good on the server that gave it only; its token tells. */
function tokenOf(server: string): string {
  return `${server} ${randomBytes(12).toString('base64url')}`;
}

function isOf(token: string, server: string | undefined): boolean {
  return server !== undefined && token.startsWith(`${server} `);
}
