import { LRUCache } from 'lru-cache';
import type { Witness } from '../trust.ts';
import { handedOut, type NeedsCopy } from './frozen.ts';
import { sizeOf, sizeOfText } from './size-of.ts';

/** A value in this process's memory. All times are milliseconds on the monotonic clock. */
export interface MemoryEntry<V> extends Witness {
  /** `null`: the source has nothing under this key. */
  readonly value: V | null;
  /** When its load began: it may be as old as that. */
  readonly loadedAtMs: number;
  /** Past it a new one is loaded, at the latest when somebody asks. */
  readonly refreshAtMs: number;
  /** Past it the value is stale. */
  readonly freshUntilMs: number;
  /** Until then it is served while a new one loads. */
  readonly staleUntilMs: number;
  /** Until then it stands in when its source can't answer. */
  readonly errorUntilMs: number;
  /** The topology by which it was known to be in its place. */
  topology: object | undefined;
  readonly placement: string;
  readonly needsCopy: NeedsCopy;
}

export interface MemoryLimits {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** What an entry takes beside its key and value: its own fields and its place in the list. */
const overheadBytes = 330;

/** The memory tier: the entries used last, deep-frozen. */
export class MemoryStore<V> {
  readonly #entries: LRUCache<string, MemoryEntry<V>>;

  constructor({ maxEntries, maxBytes }: MemoryLimits) {
    this.#entries = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: (entry, key) => overheadBytes + sizeOfText(key) + sizeOf(entry.value),
    });
  }

  get entries(): number {
    return this.#entries.size;
  }

  /** Bytes that its entries take, about. */
  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  get(key: string): MemoryEntry<V> | undefined {
    return this.#entries.get(key);
  }

  set(key: string, entry: MemoryEntry<V>): void {
    this.#entries.set(key, entry);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** What a caller gets of an entry: the shared frozen value, or a copy where it can't be frozen. */
export function handOut<V>(entry: Pick<MemoryEntry<V>, 'value' | 'needsCopy'>): V | null {
  return handedOut(entry.value, entry.needsCopy);
}
