import { type Priority, priorities } from './priority.ts';

/** A call that waits for its turn. */
export interface Waiter {
  readonly priority: Priority;
  /** Its turn has come. */
  readonly go: () => void;
  /** It is given up. */
  readonly refuse: (reason: Error) => void;
}

/**
 * First come, first served within a priority. A Set keeps the order of arrival and lets a waiter
 * leave from the middle in O(1).
 */
export class CallQueue {
  readonly #waiting: Record<Priority, Set<Waiter>> = {
    critical: new Set(),
    default: new Set(),
    sheddable: new Set(),
  };
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** How many would be served before a new one of this priority. */
  ahead(priority: Priority): number {
    const { critical, default: normal } = this.#waiting;
    if (priority === 'critical') return critical.size;
    return priority === 'default' ? critical.size + normal.size : this.#length;
  }

  add(waiter: Waiter): void {
    this.#waiting[waiter.priority].add(waiter);
    this.#length++;
  }

  remove(waiter: Waiter): void {
    if (this.#waiting[waiter.priority].delete(waiter)) this.#length--;
  }

  /** Takes out whose turn it is. */
  shift(): Waiter | undefined {
    for (const priority of priorities) {
      for (const waiter of this.#waiting[priority]) {
        this.remove(waiter);
        return waiter;
      }
    }
    return undefined;
  }

  /** Takes out the one of the least priority that came last. O(waiting). */
  pop(): Waiter | undefined {
    for (const priority of priorities.toReversed()) {
      const newest = [...this.#waiting[priority]].at(-1);
      if (newest === undefined) continue;
      this.remove(newest);
      return newest;
    }
    return undefined;
  }

  /** Takes out the sheddable one that has waited for the longest, and so has the least time left. */
  shed(): Waiter | undefined {
    for (const waiter of this.#waiting.sheddable) {
      this.remove(waiter);
      return waiter;
    }
    return undefined;
  }
}
