import type { Observer } from '../../observability/events.ts';
import { createBackoff } from '../../resilience/backoff.ts';

/** Deletes keys in Redis; false when Redis did not confirm it. */
export type InvalidateKeys = (keys: readonly string[]) => Promise<boolean>;

const backoff = { baseMs: 50, maxMs: 2_000 };
/** A server has done so many well within the time of a command. */
const keysPerAttempt = 500;
/** Keys that may be on their way at once: more wait for their turn here, not in the connection. */
const mostUnderWay = 1_000;

/**
 * Invalidations that Redis has not confirmed. They are tried again until it does; meanwhile this
 * process does not believe what Redis says about these keys.
 */
export class InvalidationQueue {
  readonly #name: string;
  readonly #send: InvalidateKeys;
  readonly #observe: Observer;
  /** How many invalidations of a key are unconfirmed: one that succeeds must not clear another's. */
  readonly #pending = new Map<string, number>();
  #underWay = 0;
  readonly #waiting = new Set<{ readonly count: number; readonly go: () => void }>();
  #timer: NodeJS.Timeout | undefined;
  #nextPause = createBackoff(backoff);

  /** @param name what events call it. */
  constructor(name: string, send: InvalidateKeys, observe: Observer) {
    this.#name = name;
    this.#send = send;
    this.#observe = observe;
  }

  /** Whether Redis may still hold what was invalidated. */
  has(key: string): boolean {
    return this.#pending.size > 0 && this.#pending.has(key);
  }

  /** Invalidates now, or remembers to. */
  async invalidate(keys: readonly string[]): Promise<'done' | 'pending'> {
    // While the command is under way Redis may answer with the old value.
    for (const key of keys) this.#pending.set(key, (this.#pending.get(key) ?? 0) + 1);
    for (let at = 0; at < keys.length; at += keysPerAttempt) {
      const part = keys.length <= keysPerAttempt ? keys : keys.slice(at, at + keysPerAttempt);
      if (await this.#sendInTurn(part)) for (const key of part) this.#confirm(key, 1);
      else {
        this.#report('pending', keys.length - at);
        this.#schedule();
        return 'pending';
      }
    }
    return 'done';
  }

  async #sendInTurn(keys: readonly string[]): Promise<boolean> {
    const count = keys.length;
    if (this.#waiting.size > 0 || !this.#hasRoom(count)) {
      await new Promise<void>((go) => this.#waiting.add({ count, go }));
    } else this.#underWay += count;
    try {
      return await this.#send(keys);
    } finally {
      this.#underWay -= count;
      for (const next of this.#waiting) {
        if (!this.#hasRoom(next.count)) break;
        this.#waiting.delete(next);
        this.#underWay += next.count;
        next.go();
      }
    }
  }

  #hasRoom(count: number): boolean {
    return this.#underWay === 0 || this.#underWay + count <= mostUnderWay;
  }

  /** A last attempt for what is still pending, until Redis fails to confirm. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#pending.size > 0) {
      const batch = this.#first(keysPerAttempt);
      if (!(await this.#send(batch.map(([key]) => key)))) return;
      for (const [key, count] of batch) this.#confirm(key, count);
    }
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#retry(), this.#nextPause());
    // Waiting to tell Redis is no reason to keep a process alive.
    this.#timer.unref();
  }

  async #retry(): Promise<void> {
    const batch = this.#first(keysPerAttempt);
    const confirmed = await this.#send(batch.map(([key]) => key));
    this.#timer = undefined;
    if (confirmed) {
      for (const [key, count] of batch) this.#confirm(key, count);
      this.#nextPause = createBackoff(backoff);
      this.#report('recovered', batch.length);
    }
    if (this.#pending.size > 0) this.#schedule();
  }

  #first(count: number): [key: string, count: number][] {
    const batch: [string, number][] = [];
    for (const entry of this.#pending) {
      if (batch.length === count) break;
      batch.push(entry);
    }
    return batch;
  }

  #confirm(key: string, count: number): void {
    const left = (this.#pending.get(key) ?? 0) - count;
    if (left > 0) this.#pending.set(key, left);
    else this.#pending.delete(key);
  }

  #report(state: 'pending' | 'recovered', keys: number): void {
    this.#observe({
      type: 'cache-invalidation',
      queue: this.#name,
      state,
      keys,
      queued: this.#pending.size,
    });
  }
}
