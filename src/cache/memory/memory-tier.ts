import { earlyMs, type Freshness } from '../freshness.ts';
import type { Sourced } from '../sourced.ts';
import { isBelieved } from '../trust.ts';
import { coarseNow, sleepsRead, sleepsSoFar } from './coarse-clock.ts';
import { type MemoryEntry, type MemoryLimits, MemoryStore } from './memory-store.ts';

/** Says where the source of a key is. */
export interface Placement {
  /** Another object whenever places may have changed. */
  current(): object;
  /** A name without `|`. */
  of(key: string): string;
}

export interface MemoryTierConfig {
  readonly freshness: Freshness;
  /** Undefined: nothing is kept in this process. */
  readonly memory: MemoryLimits | undefined;
  readonly placement?: Placement | undefined;
}

/** What this process remembers, and how long it believes it. */
export class MemoryTier<V> {
  readonly #config: MemoryTierConfig;
  readonly #store: MemoryStore<V> | undefined;
  readonly #placement: Placement | undefined;
  readonly #betaOf: (key: string) => number;
  #sleeps = sleepsSoFar();

  /** @param betaOf how eagerly a key is refreshed before its time. */
  constructor(config: MemoryTierConfig, betaOf: (key: string) => number) {
    this.#config = config;
    this.#placement = config.placement;
    this.#store = config.memory && new MemoryStore(config.memory);
    this.#betaOf = betaOf;
  }

  /** Whether nothing is kept. */
  get isOff(): boolean {
    return this.#store === undefined;
  }

  get entries(): number {
    return this.#store?.entries ?? 0;
  }

  get bytes(): number {
    return this.#store?.bytes ?? 0;
  }

  /** The entry that can be served and needs no refresh. */
  peek(key: string): MemoryEntry<V> | undefined {
    const nowMs = coarseNow();
    if (sleepsRead() !== this.#sleeps) this.#wake();
    const entry = this.#store?.get(key);
    if (entry === undefined) return undefined;
    if (nowMs >= entry.refreshAtMs || !isBelieved(entry, nowMs)) return undefined;
    return this.#isInPlace(key, entry) ? entry : undefined;
  }

  /** The entry that can be served, if only while a new one loads. */
  servable(key: string, nowMs: number): MemoryEntry<V> | undefined {
    if (sleepsSoFar() !== this.#sleeps) this.#wake();
    const entry = this.#store?.get(key);
    if (entry === undefined || nowMs >= entry.staleUntilMs || !isBelieved(entry, nowMs)) return;
    return this.#isInPlace(key, entry) ? entry : undefined;
  }

  /** The entry that stands in when the source can't answer, also when it may be behind. */
  standIn(key: string): MemoryEntry<V> | undefined {
    const entry = this.#store?.get(key);
    return entry !== undefined && mayStandIn(entry) && this.#isInPlace(key, entry)
      ? entry
      : undefined;
  }

  /** An entry of a value; not kept yet. */
  entryOf(key: string, sourced: Sourced<V>): MemoryEntry<V> {
    const { value, loadedAtMs, freshMs, loadMs, witness } = sourced;
    const { staleMs, staleIfErrorMs } = this.#config.freshness;
    const isAbsent = value === null;
    const freshUntilMs = loadedAtMs + freshMs;
    return {
      value,
      needsCopy: sourced.needsCopy,
      loadedAtMs,
      freshUntilMs,
      refreshAtMs: freshUntilMs - earlyMs(loadMs, this.#betaOf(key)),
      staleUntilMs: freshUntilMs + (isAbsent ? 0 : staleMs),
      errorUntilMs: freshUntilMs + (isAbsent ? 0 : Math.max(staleMs, staleIfErrorMs)),
      trust: witness.trust,
      generation: witness.generation,
      youngUntilMs: witness.youngUntilMs,
      topology: this.#placement?.current(),
      placement: this.placementOf(key),
    };
  }

  /** Keeps an entry of what was found, unless a younger one is held. Returns the one that is held then. */
  keep(key: string, entry: MemoryEntry<V>, { isOwn }: Sourced<V>): MemoryEntry<V> {
    if (!isOwn) return entry;
    const held = this.#store?.get(key);
    const isOlder = held !== undefined && entry.loadedAtMs < held.loadedAtMs;
    if (isOlder && isBelieved(held, performance.now())) return held;
    this.#store?.set(key, entry);
    return entry;
  }

  delete(key: string): void {
    this.#store?.delete(key);
  }

  clear(): void {
    this.#store?.clear();
  }

  /** Where the source of a key is; empty where that does not matter. */
  placementOf(key: string): string {
    return this.#placement?.of(key) ?? '';
  }

  /** How old what it holds is, nobody knows any more. */
  #wake(): void {
    this.#sleeps = sleepsSoFar();
    this.#store?.clear();
  }

  /** Looks again only when places may have changed. */
  #isInPlace(key: string, entry: MemoryEntry<V>): boolean {
    if (this.#placement === undefined) return true;
    const topology = this.#placement.current();
    if (entry.topology === topology) return true;
    if (entry.placement !== this.placementOf(key)) return false;
    entry.topology = topology;
    return true;
  }
}

/** Whether an entry may be served while its source can't answer. */
export function mayStandIn({ errorUntilMs, freshUntilMs }: MemoryEntry<unknown>): boolean {
  return errorUntilMs > freshUntilMs && performance.now() < errorUntilMs;
}
