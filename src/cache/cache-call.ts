import type { Deadline } from '../resilience/time/deadline.ts';
import type { Freshness } from './freshness.ts';

/** One caller's wishes. */
export interface CacheCall {
  readonly deadline?: Deadline | undefined;
  /** Milliseconds: what was loaded longer ago is loaded anew. */
  readonly maxAgeMs?: number | undefined;
  /** The life of what this caller loads, where it is not the usual one. */
  readonly freshness?: Partial<Freshness> | undefined;
}

/** Whether a value was loaded longer ago than the caller wants. */
export function isTooOld(
  { loadedAtMs }: { readonly loadedAtMs: number },
  { maxAgeMs }: CacheCall,
  nowMs: number,
): boolean {
  return maxAgeMs !== undefined && nowMs - loadedAtMs > maxAgeMs;
}
