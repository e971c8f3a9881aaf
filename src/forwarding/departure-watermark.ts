import type { Executor } from '../execution/executor.ts';
import { memberFacts } from '../identity/shared-facts.ts';
import type { Statement } from '../mysql/sql/sql.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import type { Shard } from '../topology/topology.ts';
import { moveState, readDepartures } from './forward-table.ts';
import { knowledgeMs } from './protocol-times.ts';

const readTimeoutMs = 2_000;

interface Knowledge {
  /** Slots that some owner has left, or is about to leave. */
  readonly slots: ReadonlySet<number>;
  /** Monotonic. Until then no owner leaves a slot that is not among them. */
  readonly validUntil: number;
  /** Monotonic. Until then no owner at all leaves the shard, and no copies of one are elsewhere. */
  readonly stableUntil: number;
  /** Changes with every owner who leaves. */
  readonly lastCutover: string;
  /** Milliseconds since the oldest move that has not ended was announced. */
  readonly oldestMs: number;
  /** The shards of the keyspace, as they are on record. */
  readonly members: readonly string[];
}

const nothing: Knowledge = {
  slots: new Set(),
  validUntil: 0,
  stableUntil: 0,
  lastCutover: '',
  oldestMs: 0,
  members: [],
};

/**
 * What this process knows of owners who leave one shard. Costs a query only when it is asked for and
 * the last answer is over half a second old.
 */
export class DepartureWatermark {
  readonly shard: Shard;
  readonly #executor: Executor;
  readonly #statement: Statement;
  #known = nothing;
  #asking: Promise<void> | undefined;

  /** @param records the table in which outcomes of moves are recorded. */
  constructor(shard: Shard, executor: Executor, records: string) {
    this.shard = shard;
    this.#executor = executor;
    this.#statement = readDepartures(memberFacts, records);
  }

  /**
   * Whether it is certain that no owner of the slot has left up to now: an answer that the shard
   * gave before now was then right. No I/O.
   */
  covers(slot: number): boolean {
    const { validUntil, slots } = this.#known;
    return performance.now() < validUntil && !slots.has(slot);
  }

  /** Whether somebody has left, or is about to. */
  get hasDepartures(): boolean {
    return this.#known.slots.size > 0 || this.#known.lastCutover !== '';
  }

  get stableUntil(): number {
    return this.#known.stableUntil;
  }

  get lastCutover(): string {
    return this.#known.lastCutover;
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
      const { rows } = await this.#executor.ask(this.shard.primary, this.#statement, deadline);
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
  let stableMs = knowledgeMs;
  let oldestMs = 0;
  let lastCutover = '';
  const members: string[] = [];
  for (const { slot, state, ageMs, cutoverAt } of rows) {
    if (state === 'member') {
      members.push(String(cutoverAt).slice(memberFacts.length));
      continue;
    }
    if (slot === null) {
      lastCutover = String(cutoverAt);
      continue;
    }
    slots.add(Number(slot));
    const kind = moveState(state);
    if (kind === 'announced') stableMs = Math.min(stableMs, knowledgeMs - Number(ageMs));
    if (kind === 'reversing') stableMs = 0;
    oldestMs = Math.max(oldestMs, Number(ageMs));
  }
  return {
    slots,
    validUntil: askedAt + knowledgeMs,
    stableUntil: askedAt + Math.max(0, stableMs),
    lastCutover,
    oldestMs,
    members,
  };
}
