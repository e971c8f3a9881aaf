import { LRUCache } from 'lru-cache';
import { AbortedError, OverloadError, TimeoutError } from '../../errors/call-error.ts';

const mostFailures = 10_000;

/** The errors of loads that failed of late: those who ask next get them without a load. */
export class FailureMemory {
  readonly #failures: LRUCache<string, { readonly error: unknown }>;

  constructor(ttlMs: number) {
    this.#failures = new LRUCache({ max: mostFailures, ttl: ttlMs });
  }

  of(key: string): { readonly error: unknown } | undefined {
    return this.#failures.get(key);
  }

  /** A caller who left, or a queue that was full, says nothing about the source. */
  add(key: string, error: unknown): void {
    const isOurs = [AbortedError, TimeoutError, OverloadError].some(
      (kind) => error instanceof kind,
    );
    if (!isOurs) this.#failures.set(key, { error });
  }

  delete(key: string): void {
    this.#failures.delete(key);
  }
}
