import { LRUCache } from 'lru-cache';
import { copyUnfreezable, freezeDeep } from './frozen.ts';

/** A value in this process's memory and how long it may be served. */
export interface MemoryEntry<V> {
  /** `null`: the source has nothing under this key. */
  readonly value: V | null;
  readonly storedAtMs: number;
  /** Past it a new value is loaded while this one is served. Milliseconds since 1970. */
  readonly freshUntilMs: number;
  /** The value holds something that can't be frozen. */
  readonly needsCopy: boolean;
  /** Until then it is served without asking anybody. Milliseconds since 1970, like the others. */
  readonly trustedUntilMs: number;
  /** Until then it stands in when neither Redis nor the source can answer. */
  readonly staleUntilMs: number;
}

/** The memory tier: the entries used last, deep-frozen. */
export class MemoryStore<V> {
  readonly #entries: LRUCache<string, MemoryEntry<V>>;

  constructor(maxEntries: number) {
    this.#entries = new LRUCache({ max: maxEntries });
  }

  get(key: string): MemoryEntry<V> | undefined {
    return this.#entries.get(key);
  }

  set(key: string, entry: Omit<MemoryEntry<V>, 'needsCopy'>): MemoryEntry<V> {
    const frozen = { ...entry, ...freezeDeep(entry.value) };
    this.#entries.set(key, frozen);
    return frozen;
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** What a caller gets of an entry: the shared frozen value, or a copy where it can't be frozen. */
export function handOut<V>(entry: MemoryEntry<V>): V | null {
  return entry.needsCopy ? copyUnfreezable(entry.value) : entry.value;
}
