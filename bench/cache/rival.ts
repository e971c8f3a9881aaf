import { setTimeout as sleep } from 'node:timers/promises';

/** What all caches of the comparison hold: about 200 bytes as JSON. */
export interface Row {
  readonly id: string;
  /** Which state of the source it was read from. */
  readonly version: number;
  readonly text: string;
}

export function rowOf(id: string, version = 1): Row {
  return { id, version, text: 'Lorem ipsum dolor sit amet. '.repeat(6) };
}

/** How a cache is set up for one measurement. Passes between processes, but for `load`. */
export interface Setup {
  readonly namespace: string;
  /** A URL, or false for process memory alone. */
  readonly redis: string | false;
  readonly memory: boolean;
  /** Milliseconds a Redis command may take, where a cache can be told. */
  readonly commandTimeoutMs?: number | undefined;
  /** Loads at a time, where a cache can be told. */
  readonly loadConcurrency?: number | undefined;
  /** Life of a lease, where a cache has one. */
  readonly leaseMs?: number | undefined;
}

export type Load = (key: string) => Promise<Row>;

export interface OpenCache {
  get(key: string): Promise<Row | null | undefined>;
  forget(key: string): Promise<unknown>;
  close(): Promise<unknown>;
}

/** One cache of the comparison. */
export interface Rival {
  readonly name: string;
  /** Its process memory hears of what other processes forget. */
  readonly hearsOthers: boolean;
  open(setup: Setup, load: Load): OpenCache;
}

/** Opens a cache and waits for it to have its connections: no start is measured here. */
export async function openReady(rival: Rival, setup: Setup, load: Load): Promise<OpenCache> {
  const cache = rival.open(setup, load);
  for (let turn = 0; turn < 100; turn++) {
    await cache.get('warm');
    if ((await cache.forget('warm')) !== 'pending') return cache;
    await sleep(50);
  }
  throw new Error(`${rival.name} does not reach its Redis`);
}

export const ttlMs = 600_000;
export const maxEntries = 20_000;
