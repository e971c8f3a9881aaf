import type { Contract } from '../model/history.ts';
import type { Fence } from './sabotage.ts';

/** One of the caches that every worker opens, over the same Redis and source. */
export interface CachePlan {
  /** Also its namespace. */
  readonly name: string;
  /** Whether processes keep values in memory. */
  readonly memory: boolean;
  /** The fences that are taken out, so that the checker must find violations. */
  readonly without?: readonly Fence[];
}

export const timing = {
  ttlMs: 8_000,
  staleMs: 1_000,
  negativeTtlMs: 1_500,
  maxGapMs: 400,
  commandTimeoutMs: 100,
};

/** The caches that must keep their contract. */
export const honest: readonly CachePlan[] = [
  { name: 'memory', memory: true },
  { name: 'direct', memory: false },
];

/** The same caches, each with one fence taken out: without them the others' success says nothing. */
export const controls: readonly CachePlan[] = [
  // Two fences in truth: who hears of an invalidation does not store what was loaded before either.
  { name: 'no-fence', memory: false, without: ['fence', 'messages'] },
  { name: 'no-messages', memory: true, without: ['messages'] },
  { name: 'no-stamp', memory: false, without: ['stamp'] },
];

/** What the caches promise; those with a fence taken out are held to the same. */
export function contractOf(caches: readonly CachePlan[]): Contract {
  const pendingMs = timing.ttlMs + timing.staleMs;
  return new Map(
    caches.map(({ name, memory }) => [name, { doneMs: memory ? timing.maxGapMs : 0, pendingMs }]),
  );
}
