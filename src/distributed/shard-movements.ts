import type { Executor } from '../execution/executor.ts';
import { moveState, readMovements } from '../mysql/moves-table.ts';
import { Deadline } from '../resilience/deadline.ts';
import type { Shard } from '../topology/topology.ts';

/**
 * Milliseconds for which what was read of a shard's movements holds. A mover announces itself and
 * then waits as long before it moves anything, so who read before the announcement is safe as long.
 */
export const knowledgeMs = 500;

const readTimeoutMs = 2_000;

interface Knowledge {
  /** Slots that some owner has left, or is about to leave. */
  readonly slots: ReadonlySet<number>;
  /** Monotonic. Until then no owner leaves a slot that is not among them. */
  readonly validUntil: number;
  /** Monotonic. Until then no owner at all leaves the shard. */
  readonly quietUntil: number;
}

/**
 * What this process knows of owners who leave one shard. Costs a query only when it is asked for and
 * the last answer is over half a second old.
 */
export class ShardMovements {
  readonly #shard: Shard;
  readonly #executor: Executor;
  #known: Knowledge | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(shard: Shard, executor: Executor) {
    this.#shard = shard;
    this.#executor = executor;
  }

  /**
   * Whether it is certain that no owner of the slot has left up to now: an answer that the shard
   * gave before now was then right. No I/O.
   */
  isSettled(slot: number): boolean {
    const known = this.#known;
    return known !== undefined && performance.now() < known.validUntil && !known.slots.has(slot);
  }

  /** Monotonic time up to which no owner leaves the shard; in the past when that is not certain. */
  get quietUntil(): number {
    return this.#known?.quietUntil ?? 0;
  }

  /** Asks the shard again, unless somebody does already. */
  async refresh(deadline: Deadline): Promise<void> {
    if (this.#known !== undefined && performance.now() < this.#known.validUntil) return;
    await this.ask(deadline);
  }

  /** Asks the shard, even if what is known still holds. */
  async ask(deadline: Deadline): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    await deadline.race(this.#refreshing);
  }

  /** Under a deadline of its own: several callers wait for it. */
  async #read(): Promise<void> {
    const deadline = new Deadline(readTimeoutMs);
    try {
      this.#known = await this.#query(deadline);
    } finally {
      deadline.end();
    }
  }

  async #query(deadline: Deadline): Promise<Knowledge> {
    const askedAt = performance.now();
    const endpoints = [this.#shard.primary];
    const { rows } = await this.#executor.runStatement(endpoints, readMovements, 'read', deadline);
    const slots = new Set<number>();
    let quietMs = knowledgeMs;
    for (const row of rows) {
      slots.add(Number(row.slot));
      const state = moveState(row.state);
      if (state === 'announced') quietMs = Math.min(quietMs, knowledgeMs - Number(row.ageMs));
      if (state === 'reversing') quietMs = 0;
    }
    return { slots, validUntil: askedAt + knowledgeMs, quietUntil: askedAt + Math.max(0, quietMs) };
  }
}
