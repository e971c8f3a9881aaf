import type { Observer } from '../../observability/events.ts';
import { freezeDeep } from '../memory/frozen.ts';
import { type Held, heldCopy } from '../memory/own-copy.ts';
import type { Gap, Loaded, Sourced } from '../sourced.ts';
import {
  decodeEntry,
  encodeEntry,
  type StampText,
  stampText,
  unpackedBytes,
} from './entry-text.ts';
import type { Asked } from './read-batches.ts';

export interface EntryConfig<V> {
  /** Fingerprint of the values' shape: entries written under another one are misses. */
  readonly schema: string;
  /** Checks what another process stored; undefined when it is no value of this cache: a miss. */
  readonly decode: (value: unknown) => V | undefined;
  /** What `decode` gives nobody else holds. Else it is copied before it is kept. */
  readonly ownsDecoded: boolean;
  /** Bytes of a value past which it is compressed. */
  readonly compressOverBytes: number;
  /** A whole number that grows with each change of the value; undefined where it has none. */
  readonly versionOf?: ((value: V) => string) | undefined;
}

/** The values of one cache as Redis holds them. What can't be stored or read is told, and left out. */
export class RedisEntries<V> {
  readonly #config: EntryConfig<V>;
  readonly #maxBytes: number;
  readonly #observe: Observer;
  readonly #stamps = new Map<string, { readonly server: string; readonly text: StampText }>();
  /** Bytes to which what another process compressed may unpack here; 0 where nothing is compressed. */
  readonly #mostUnpacked: number;

  /** @param maxBytes of an entry. */
  constructor(config: EntryConfig<V>, maxBytes: number, observe: Observer) {
    this.#config = config;
    this.#maxBytes = maxBytes;
    this.#observe = observe;
    const isPacking = config.compressOverBytes !== Number.POSITIVE_INFINITY;
    this.#mostUnpacked = isPacking ? unpackedBytes(maxBytes) : 0;
  }

  /** Undefined when the user's code can't tell: then nothing is stored. */
  versionOf(value: V | null): string | undefined {
    try {
      return value === null ? '' : (this.#config.versionOf?.(value) ?? '');
    } catch {
      this.#report('encode', 'the version of a value could not be told');
      return undefined;
    }
  }

  /** Undefined when it can't be stored. */
  encode(
    { value, loadedAtMs, freshMs, loadMs }: Loaded<V>,
    version: string,
    server: string,
    placement: string,
  ): string | undefined {
    const { compressOverBytes } = this.#config;
    const maxEntryBytes = this.#maxBytes;
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

  /** What a text of Redis holds, or why it is no value. */
  decode(text: string | null | undefined, asked: Asked, placement: string): Sourced<V> | Gap {
    if (text === null || text === undefined) return 'none';
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
