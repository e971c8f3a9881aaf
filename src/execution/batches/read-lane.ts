import type { BatchedRead } from './batched-read.ts';
import { LaneLimit } from './lane-limit.ts';
import { ReadBatch, type ReadTarget } from './read-batch.ts';

/** The least keys of a batch that leaves before its tick ends though it is not full. */
const leastShare = 8;
const forgetting = 0.95;
const smoothing = 0.1;
/** A statement that has taken so many times the usual is stuck, and at least so many milliseconds. */
const stuckAfter = 4;
const leastPatienceMs = 5;

/** What became of a batch. */
export interface Sent {
  readonly isWell: boolean;
  /** What is to be sent in its place. */
  readonly again: readonly ReadBatch[];
}

/**
 * The reads of one table, shard and consistency. A few of its statements run at a time; what is asked for
 * meanwhile gathers, and leaves when one of them comes back, or when it fills a statement.
 *
 * With room, reads leave at the end of their tick, or in as many parts as may run, so that the server works on
 * one while the process works on the other. A statement that is stuck holds nobody up: it does not count any
 * more, and a read whose time is short does not wait at all.
 */
export class ReadLane {
  readonly #keysPerStatement: number;
  readonly #run: (batch: ReadBatch) => Promise<Sent>;
  readonly #limit = new LaneLimit();
  #gathering: ReadBatch | undefined;
  /** Statements that count, and when they left. */
  readonly #running = new Map<ReadBatch, number>();
  #watch: NodeJS.Timeout | undefined;
  #usualMs = 0;
  /** Reads that have not been answered, and the most of late. */
  #outstanding = 0;
  #peak: number;

  /** @param run sends a batch and answers its reads, but for those that are to be sent again; never rejects. */
  constructor(keysPerStatement: number, run: (batch: ReadBatch) => Promise<Sent>) {
    this.#keysPerStatement = keysPerStatement;
    this.#run = run;
    this.#peak = keysPerStatement;
  }

  /** Takes a read of `keys` keys, which must fit into one statement. */
  add(read: BatchedRead, keys: number, target: ReadTarget): void {
    const batch = this.#batchFor(keys, target);
    batch.join(read);
    this.#outstanding++;
    const hasRoom = this.#hasRoom;
    const most = hasRoom ? this.#share : this.#keysPerStatement;
    if (batch.keys >= most) this.#depart(batch, batch.keys < this.#keysPerStatement);
    else if (!batch.isDue && (hasRoom || this.#isUrgent(read))) this.#departSoon(batch);
  }

  #batchFor(keys: number, target: ReadTarget): ReadBatch {
    let batch = this.#gathering;
    if (batch !== undefined && batch.keys + keys > this.#keysPerStatement && keys > 1) {
      if (keys === this.#keysPerStatement) return new ReadBatch(target);
      this.#depart(batch, false);
      batch = undefined;
    }
    if (batch !== undefined) return batch;
    batch = new ReadBatch(target);
    this.#gathering = batch;
    if (!this.#hasRoom) {
      batch.keepContext();
      this.#watchOver();
    }
    return batch;
  }

  get #hasRoom(): boolean {
    return this.#running.size < this.#limit.current;
  }

  /** Of the reads that are outstanding of late, the part that one of the statements would have. */
  get #share(): number {
    const share = Math.max(leastShare, Math.ceil(this.#peak / this.#limit.current));
    return Math.min(share, this.#keysPerStatement);
  }

  get #patienceMs(): number {
    return Math.max(leastPatienceMs, stuckAfter * this.#usualMs);
  }

  /** Whether it might lose its answer by waiting for room. */
  #isUrgent({ deadline, since }: BatchedRead): boolean {
    return deadline.neededBy - since < 2 * this.#patienceMs;
  }

  #departSoon(batch: ReadBatch): void {
    batch.isDue = true;
    process.nextTick(() => this.#depart(batch, true));
  }

  /** @param counts whether it takes a place; a full statement goes beside those that do. */
  #depart(batch: ReadBatch, counts: boolean): void {
    if (batch.hasDeparted) return;
    batch.hasDeparted = true;
    if (this.#gathering === batch) this.#gathering = undefined;
    this.#peak = Math.max(this.#outstanding, this.#peak * forgetting);
    if (batch.present === 0) {
      this.#outstanding -= batch.reads;
      return;
    }
    const began = performance.now();
    if (counts) this.#running.set(batch, began);
    void batch.inContext(() => this.#run(batch)).then((sent) => this.#arrived(batch, began, sent));
  }

  #arrived(batch: ReadBatch, began: number, { isWell, again }: Sent): void {
    const now = performance.now();
    this.#outstanding -= batch.reads;
    this.#running.delete(batch);
    if (isWell) {
      this.#measure(now - began);
      this.#limit.measure(batch.reads, batch.waitedMs(now), now);
    }
    // They count as what they are: what gathers waits for them, and nobody for one that is stuck.
    for (const part of again) {
      this.#outstanding += part.reads;
      this.#depart(part, true);
    }
    const next = this.#gathering;
    // Those who were just answered may ask again in this tick.
    if (next !== undefined && !next.isDue && this.#hasRoom) this.#departSoon(next);
  }

  #measure(tookMs: number): void {
    if (this.#usualMs === 0) this.#usualMs = tookMs;
    else this.#usualMs += smoothing * (Math.min(tookMs, 8 * this.#usualMs + 1) - this.#usualMs);
  }

  /** While reads wait for room: looks for statements that are stuck. */
  #watchOver(): void {
    this.#limit.reached();
    this.#watch ??= setTimeout(() => this.#open(), this.#patienceMs).unref();
  }

  #open(): void {
    this.#watch = undefined;
    const batch = this.#gathering;
    if (batch === undefined || batch.isDue) return;
    const now = performance.now();
    for (const [running, began] of this.#running) {
      if (now - began >= this.#patienceMs) this.#running.delete(running);
    }
    if (this.#hasRoom) this.#depart(batch, true);
    else this.#watchOver();
  }
}
