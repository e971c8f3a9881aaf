import type { Observer } from '../../observability/events.ts';
import { createBackoff } from '../../resilience/retry/backoff.ts';

/** What is told; each answers with false when it did not confirm. */
export interface InvalidationTarget {
  /** Forgets keys. */
  invalidate(keys: readonly string[]): Promise<boolean>;
  /** Forgets every key that there is. */
  forgetAll(): Promise<boolean>;
}

const backoff = { baseMs: 50, maxMs: 2_000 };
/** A server has done so many well within the time of a command. */
const keysPerAttempt = 500;
/** Keys that may be on their way at once: more wait for their turn here, not in the connection. */
const mostUnderWay = 1_000;

/**
 * Invalidations that Redis has not confirmed. They are tried again until it does; meanwhile this
 * process does not believe what Redis says about these keys. Of more than it may remember it forgets the
 * names: then it believes nothing, until all that Redis holds is forgotten there.
 */
export class InvalidationQueue {
  readonly #name: string;
  readonly #target: InvalidationTarget;
  readonly #mostPending: number;
  readonly #observe: Observer;
  /** How many invalidations of a key are unconfirmed: one that succeeds must not clear another's. */
  readonly #pending = new Map<string, number>();
  /** How often there were too many to remember, and up to which time all was forgotten since. */
  #overflows = 0;
  #overflowsCured = 0;
  #isForgettingAll = false;
  #underWay = 0;
  readonly #waiting = new Set<{ readonly count: number; readonly go: () => void }>();
  #timer: NodeJS.Timeout | undefined;
  #nextPause = createBackoff(backoff);

  /**
   * @param name what events call it.
   * @param mostPending keys to remember.
   */
  constructor(name: string, target: InvalidationTarget, mostPending: number, observe: Observer) {
    this.#name = name;
    this.#target = target;
    this.#mostPending = mostPending;
    this.#observe = observe;
  }

  /** Whether Redis may still hold what was invalidated. */
  has(key: string): boolean {
    return (this.#pending.size > 0 && this.#pending.has(key)) || this.#isOverflowing;
  }

  get #isOverflowing(): boolean {
    return this.#overflows !== this.#overflowsCured;
  }

  /** Invalidates now, or remembers to. */
  async invalidate(keys: readonly string[]): Promise<'done' | 'pending'> {
    // All that Redis holds will be forgotten. What changes while that goes on it may have passed already.
    if (this.#isOverflowing && !this.#isForgettingAll) return 'pending';
    const isDown = this.#timer !== undefined;
    if (isDown && this.#pending.size + keys.length > this.#mostPending) {
      this.#overflow();
      return 'pending';
    }
    const era = this.#overflows;
    // While the command is under way Redis may answer with the old value.
    for (const key of keys) this.#pending.set(key, (this.#pending.get(key) ?? 0) + 1);
    for (let at = 0; at < keys.length; at += keysPerAttempt) {
      const part = keys.length <= keysPerAttempt ? keys : keys.slice(at, at + keysPerAttempt);
      if (await this.#sendInTurn(part)) this.#confirmAll(part, era);
      else {
        this.#report('pending', keys.length - at);
        if (this.#pending.size > this.#mostPending) this.#overflow();
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
      return await this.#target.invalidate(keys);
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
    while (this.#pending.size > 0 || this.#isOverflowing) {
      if ((await this.#tellAgain()) === undefined) return;
    }
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#retry(), this.#nextPause());
    // Waiting to tell Redis is no reason to keep a process alive.
    this.#timer.unref();
  }

  async #retry(): Promise<void> {
    const told = await this.#tellAgain();
    this.#timer = undefined;
    if (told !== undefined) {
      this.#nextPause = createBackoff(backoff);
      this.#report('recovered', told);
    }
    if (this.#pending.size > 0 || this.#isOverflowing) this.#schedule();
  }

  /** How many keys Redis confirmed; undefined when it did not. */
  async #tellAgain(): Promise<number | undefined> {
    if (this.#isOverflowing) return this.#forgetAll();
    const era = this.#overflows;
    const batch = this.#first(keysPerAttempt);
    if (!(await this.#target.invalidate(batch.map(([key]) => key)))) return undefined;
    if (era === this.#overflows) for (const [key, count] of batch) this.#confirm(key, count);
    return batch.length;
  }

  async #forgetAll(): Promise<number | undefined> {
    const before = this.#overflows;
    this.#isForgettingAll = true;
    try {
      if (!(await this.#target.forgetAll())) return undefined;
      this.#overflowsCured = before;
      return this.#mostPending;
    } finally {
      this.#isForgettingAll = false;
    }
  }

  #overflow(): void {
    this.#overflows++;
    this.#pending.clear();
    this.#report('overflow', this.#mostPending);
  }

  #first(count: number): [key: string, count: number][] {
    const batch: [string, number][] = [];
    for (const entry of this.#pending) {
      if (batch.length === count) break;
      batch.push(entry);
    }
    return batch;
  }

  /** What was pending before there were too many is not what is pending since. */
  #confirmAll(keys: readonly string[], era: number): void {
    if (era === this.#overflows) for (const key of keys) this.#confirm(key, 1);
  }

  #confirm(key: string, count: number): void {
    const left = (this.#pending.get(key) ?? 0) - count;
    if (left > 0) this.#pending.set(key, left);
    else this.#pending.delete(key);
  }

  #report(state: 'pending' | 'overflow' | 'recovered', keys: number): void {
    this.#observe({
      type: 'cache-invalidation',
      queue: this.#name,
      state,
      keys,
      queued: this.#isOverflowing ? this.#mostPending : this.#pending.size,
    });
  }
}
