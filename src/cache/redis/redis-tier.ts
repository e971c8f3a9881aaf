import { randomBytes } from 'node:crypto';
import type { Observer } from '../../observability/events.ts';
import { freezeDeep } from '../memory/frozen.ts';
import { type Held, heldCopy } from '../memory/own-copy.ts';
import type { Gap, Loaded, Sourced } from '../sourced.ts';
import type { Witness } from '../trust.ts';
import {
  decodeEntry,
  encodeEntry,
  type StampText,
  stampText,
  unpackedBytes,
} from './entry-text.ts';
import type { OnInvalidated } from './invalidation-channel.ts';
import { InvalidationQueue } from './invalidation-queue.ts';
import { changedMark } from './lease-scripts.ts';
import type { Asked } from './read-batches.ts';
import { valueKey } from './redis-keys.ts';
import type { RedisStores } from './redis-regions.ts';
import type { RedisStore } from './redis-store.ts';

export interface RedisTierConfig<V> {
  /** Separates this cache's keys in Redis from every other's. */
  readonly namespace: string;
  /** Fingerprint of the values' shape: entries written under another one are misses. */
  readonly schema: string;
  /** Checks what another process stored; undefined when it is no value of this cache: a miss. */
  readonly decode: (value: unknown) => V | undefined;
  /** What `decode` gives nobody else holds. Else it is copied before it is kept. */
  readonly ownsDecoded: boolean;
  /** Bytes of a value past which it is compressed. */
  readonly compressOverBytes: number;
  /** Digits of a number that grows with each change of the value; undefined where it has none. */
  readonly versionOf?: ((value: V) => string) | undefined;
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
  readonly #observe: Observer;
  readonly #stamps = new Map<string, { readonly server: string; readonly text: StampText }>();
  /** What Redis is being told without anybody waiting for it. */
  readonly #asides = new Set<Promise<unknown>>();
  /** Bytes to which what another process compressed may unpack here; 0 where nothing is compressed. */
  readonly #mostUnpacked: number;

  constructor(
    config: RedisTierConfig<V>,
    { own, others }: RedisStores,
    onInvalidated: OnInvalidated,
    observe: Observer,
  ) {
    this.#config = config;
    this.#store = own;
    this.#observe = observe;
    const isPacking = config.compressOverBytes !== Number.POSITIVE_INFINITY;
    this.#mostUnpacked = isPacking ? unpackedBytes(own.config.maxEntryBytes) : 0;
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
      onFound(this.#queue.has(key) ? 'none' : this.#decode(text, asked, placement));
    });
  }

  /** Takes the lease of a key that has no value in Redis, unless it has one by now. */
  async lease(key: string, gap: Gap, placement: string): Promise<Lease<V>> {
    const server = this.#store.serverOf(this.#name(key));
    if (server === undefined || this.#queue.has(key)) return { kind: 'alone' };
    const token = tokenOf(server);
    const readings: (Sourced<V> | Gap)[] = [];
    const isAbsent = gap !== 'unusable';
    const taken = await this.#store.lease(this.#name(key), token, isAbsent, (text, asked) => {
      readings.push(this.#decode(text, asked, placement));
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
    const version = this.#versionOf(value.value);
    // What was invalidated on the server that gave the lease, the next one may not have heard.
    const isSame = isOf(token, server);
    const text =
      server && isSame && version !== undefined && this.#encode(value, version, server, placement);
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
   * Whether a key without a mark was not changed of late: Redis has been used for so long that it would
   * have one, and nobody had to forget more than it could name.
   */
  async #isKnownUnchanged(key: string): Promise<boolean> {
    const { markMs, namespace } = this.#config;
    if (markMs === 0 || this.#store.usedForMs(this.#name(key)) <= markMs) return false;
    return !(await this.#store.mayAllHaveChanged(namespace));
  }

  async #tell(store: RedisStore, keys: readonly string[]): Promise<boolean> {
    const { namespace, markMs } = this.#config;
    const told = await Promise.all(
      keys.map((key) => store.invalidate(namespace, this.#name(key), key, markMs)),
    );
    return told.every((isDone) => isDone);
  }

  /** Undefined when the user's code can't tell: then nothing is stored. */
  #versionOf(value: V | null): string | undefined {
    try {
      return value === null ? '' : (this.#config.versionOf?.(value) ?? '');
    } catch {
      this.#report('encode', 'the version of a value could not be told');
      return undefined;
    }
  }

  #encode(
    { value, loadedAtMs, freshMs, loadMs }: Loaded<V>,
    version: string,
    server: string,
    placement: string,
  ): string | undefined {
    const { compressOverBytes } = this.#config;
    const { maxEntryBytes } = this.#store.config;
    try {
      const entry = { value, version, freshMs, loadMs, loadedAtMs: toWallClock(loadedAtMs) };
      const most = unpackedBytes(maxEntryBytes);
      const text = encodeEntry(entry, this.#stamp(server, placement), compressOverBytes, most);
      if (Buffer.byteLength(text) <= maxEntryBytes) return text;
      this.#report('encode', `an entry of over ${maxEntryBytes} bytes stays out of Redis`);
    } catch (error) {
      // A value with a function or a circle in it: this process can hold it, Redis can't.
      this.#report('encode', error instanceof Error ? error.message : String(error));
    }
    return undefined;
  }

  #decode(text: string | null | undefined, asked: Asked, placement: string): Sourced<V> | Gap {
    if (text === null || text === undefined || text === changedMark) return 'none';
    const stored = decodeEntry(text, this.#stamp(asked.server, placement), this.#mostUnpacked);
    if (typeof stored === 'string') {
      // Another server's entries and those of rows that moved are to be expected.
      if (stored !== 'elsewhere') this.#report('decode', unreadable[stored]);
      return 'unusable';
    }
    const checked = stored.value === null ? null : this.#check(stored.value);
    if (checked === undefined) {
      this.#report('decode', 'not a value of this cache');
      return 'unusable';
    }
    const held = this.#hold(checked);
    if (held === undefined) {
      this.#report('decode', unreadable.garbage);
      return 'unusable';
    }
    return {
      value: held.value,
      isOwn: held.isOwn,
      needsCopy: held.needsCopy,
      // The writer's clock may be ahead; nothing was loaded in the future.
      loadedAtMs: asked.atMs - Math.max(0, asked.wallMs - stored.loadedAtMs),
      freshMs: stored.freshMs,
      loadMs: stored.loadMs,
      witness: asked.witness,
      asOfMs: asked.atMs,
      isStored: true,
    };
  }

  /** Users' code, which may throw: what it can't take is a miss as well. */
  #check(value: unknown): V | undefined {
    try {
      return this.#config.decode(value);
    } catch {
      // What it throws may quote the row.
      this.#report('decode', 'the check of a stored value threw');
      return undefined;
    }
  }

  /** A value, frozen where it is the cache's own; undefined when it is deeper than any that was stored. */
  #hold(value: V | null): Held<V | null> | undefined {
    try {
      if (this.#config.ownsDecoded) {
        return { value, isOwn: true, needsCopy: freezeDeep(value).needsCopy };
      }
    } catch {
      return undefined;
    }
    return heldCopy(value);
  }

  /** One a server and place, made once. */
  #stamp(server: string, placement: string): StampText {
    let known = this.#stamps.get(placement);
    if (known?.server !== server) {
      known = { server, text: stampText({ schema: this.#config.schema, server, placement }) };
      this.#stamps.set(placement, known);
    }
    return known.text;
  }

  #report(operation: string, message: string): void {
    this.#observe({ type: 'cache-fault', operation, message });
  }

  #aside(work: Promise<unknown>): void {
    this.#asides.add(work);
    void work.finally(() => this.#asides.delete(work));
  }
}

const unreadable = {
  foreign: 'not an entry of this cache',
  schema: 'an entry of another schema',
  compressed: 'a compressed entry, which are not read where nothing is compressed',
  garbage: 'an entry that can not be read',
};

function toWallClock(monotonicMs: number): number {
  return Date.now() - (performance.now() - monotonicMs);
}

/** A lease is good on the server that gave it only; its token tells. */
function tokenOf(server: string): string {
  return `${server} ${randomBytes(12).toString('base64url')}`;
}

function isOf(token: string, server: string | undefined): boolean {
  return server !== undefined && token.startsWith(`${server} `);
}
