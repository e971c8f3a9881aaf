import type { Executor } from '../execution/executor.ts';
import { memberFacts } from '../identity/shared-facts.ts';
import type { Statement } from '../mysql/sql/sql.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import type { Shard } from '../topology/topology.ts';
import { moveState, readMovements } from './forward-table.ts';
import { knowledgeMs } from './protocol-times.ts';

const readTimeoutMs = 2_000;

interface Knowledge {
  /** Slots that some owner has left, or is about to leave. */
  readonly slots: ReadonlySet<number>;
  /** Monotonic. Until then no owner leaves a slot that is not among them. */
  readonly validUntil: number;
  /** Monotonic. Until then no owner at all leaves the shard, and no copies of one are elsewhere. */
  readonly quietUntil: number;
  /** Changes with every owner who leaves. */
  readonly lastFlip: string;
  /** Milliseconds since the oldest move that has not ended was announced. */
  readonly oldestMs: number;
  /** The shards of the keyspace, as they are on record. */
  readonly members: readonly string[];
}

const nothing: Knowledge = {
  slots: new Set(),
  validUntil: 0,
  quietUntil: 0,
  lastFlip: '',
  oldestMs: 0,
  members: [],
};

/**
 * What this process knows of owners who leave one shard. Costs a query only when it is asked for and
 * the last answer is over half a second old.
 */
export class ShardMovements {
  readonly shard: Shard;
  readonly #executor: Executor;
  readonly #movements: Statement;
  #known = nothing;
  #asking: Promise<void> | undefined;

  /** @param settlements the table in which outcomes of moves are recorded. */
  constructor(shard: Shard, executor: Executor, settlements: string) {
    this.shard = shard;
    this.#executor = executor;
    this.#movements = readMovements(memberFacts, settlements);
  }

  /**
   * Whether it is certain that no owner of the slot has left up to now: an answer that the shard
   * gave before now was then right. No I/O.
   */
  isSettled(slot: number): boolean {
    const { validUntil, slots } = this.#known;
    return performance.now() < validUntil && !slots.has(slot);
  }

  /** Whether somebody has left, or is about to. */
  get hasMoves(): boolean {
    return this.#known.slots.size > 0 || this.#known.lastFlip !== '';
  }

  get quietUntil(): number {
    return this.#known.quietUntil;
  }

  get lastFlip(): string {
    return this.#known.lastFlip;
  }

  get oldestMs(): number {
    return this.#known.oldestMs;
  }

  /** A shard that has joined the keyspace since this process read its topology. */
  joinedBeside(known: ReadonlySet<string>): string | undefined {
    return this.#known.members.find((name) => !known.has(name));
  }

  /** Asks the shard if what is known does not hold any more. */
  async refresh(deadline: Deadline): Promise<void> {
    if (performance.now() >= this.#known.validUntil) await this.#ask(deadline);
  }

  /** Asks the shard: what is known afterwards is newer than this call. */
  async ask(deadline: Deadline): Promise<void> {
    // A question that is under way may have been answered before this call.
    if (this.#asking !== undefined) await deadline.race(this.#asking.catch(() => undefined));
    await this.#ask(deadline);
  }

  #ask(deadline: Deadline): Promise<void> {
    this.#asking ??= this.#read().finally(() => {
      this.#asking = undefined;
    });
    return deadline.race(this.#asking);
  }

  /** Under a deadline of its own: several callers wait for it. */
  async #read(): Promise<void> {
    const deadline = new Deadline(readTimeoutMs);
    const askedAt = performance.now();
    try {
      const endpoints = [this.shard.primary];
      const { rows } = await this.#executor.runStatement(
        endpoints,
        this.#movements,
        'read',
        deadline,
      );
      this.#known = understand(rows, askedAt);
    } finally {
      deadline.end();
    }
  }
}

function understand(
  rows: readonly Readonly<Record<string, unknown>>[],
  askedAt: number,
): Knowledge {
  const slots = new Set<number>();
  let quietMs = knowledgeMs;
  let oldestMs = 0;
  let lastFlip = '';
  const members: string[] = [];
  for (const { slot, state, ageMs, flippedAt } of rows) {
    if (state === 'member') {
      members.push(String(flippedAt).slice(memberFacts.length));
      continue;
    }
    if (slot === null) {
      lastFlip = String(flippedAt);
      continue;
    }
    slots.add(Number(slot));
    const kind = moveState(state);
    if (kind === 'announced') quietMs = Math.min(quietMs, knowledgeMs - Number(ageMs));
    if (kind === 'reversing') quietMs = 0;
    oldestMs = Math.max(oldestMs, Number(ageMs));
  }
  return {
    slots,
    validUntil: askedAt + knowledgeMs,
    quietUntil: askedAt + Math.max(0, quietMs),
    lastFlip,
    oldestMs,
    members,
  };
}
