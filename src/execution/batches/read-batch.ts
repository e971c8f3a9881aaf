import { AsyncResource } from 'node:async_hooks';
import type { SqlValue } from '../../mysql/sql/sql.ts';
import { CallMeter } from '../../observability/call-meter.ts';
import { isBefore, type Priority } from '../../resilience/admission/priority.ts';
import type { Guard } from '../../resilience/guard.ts';
import { Deadline } from '../../resilience/time/deadline.ts';
import type { Endpoint, Shard } from '../../topology/topology.ts';
import type { BatchedRead, RowsByKey } from './batched-read.ts';

/** Whom a batch is sent to, and what lets it through. */
export interface ReadTarget {
  readonly endpoints: readonly Endpoint[];
  /** Of the reader's snapshot: readers of two never travel together. */
  readonly shard: Shard;
  /** Lets the statement through. Reads of one lane have the same one, or none. */
  readonly gate?: Guard | undefined;
}

/**
 * Reads that leave as one statement. Each caller keeps its own deadline and signal: the statement ends when
 * the last of their deadlines does, or when every caller has left.
 */
export class ReadBatch {
  readonly target: ReadTarget;
  readonly #reads: BatchedRead[] = [];
  readonly #params = new Map<string, SqlValue>();
  #present = 0;
  #sent = 0;
  /** The deadline of all of its reads, where they have the same: then it is the batch's. */
  #only: Deadline | undefined;
  #expiresAt = 0;
  #priority: Priority = 'sheddable';
  /** Charges every caller; undefined while nobody wants to know. */
  #meter: CallMeter | undefined;
  #cancel: (reason: Error) => void = () => {};
  #context: AsyncResource | undefined;
  /** Whether its departure at the end of this tick is certain. */
  isDue = false;
  hasDeparted = false;

  constructor(target: ReadTarget) {
    this.target = target;
  }

  /** How many keys it asks for. */
  get keys(): number {
    return this.#params.size;
  }

  /** Reads whose callers still wait. */
  get present(): number {
    return this.#present;
  }

  get reads(): number {
    return this.#reads.length;
  }

  /** Whether keys of several reads were sent, also of those whose callers have left since. */
  get wasShared(): boolean {
    return this.#sent > 1;
  }

  join(read: BatchedRead): void {
    const { deadline } = read;
    if (this.#reads.length === 0) this.#only = deadline;
    else if (this.#only !== deadline) this.#only = undefined;
    this.#reads.push(read);
    this.#present++;
    read.addTo(this.#params);
    if (deadline.meter !== undefined) {
      this.#meter ??= new CallMeter('batch');
      this.#meter.share(deadline.meter);
    }
    if (deadline.expiresAt > this.#expiresAt) this.#expiresAt = deadline.expiresAt;
    if (isBefore(deadline.priority, this.#priority)) this.#priority = deadline.priority;
    read.listen((reason) => {
      if (--this.#present === 0) this.#cancel(reason);
    });
  }

  /** Keeps the asynchronous context of now, its first caller's, for when another call sends it. */
  keepContext(): void {
    this.#context = new AsyncResource('MeridianReadBatch');
  }

  inContext<T>(work: () => T): T {
    return this.#context === undefined ? work() : this.#context.runInAsyncScope(work);
  }

  /** The deadline of its reads, from its departure to `end`. */
  begin(): Deadline {
    if (this.#only !== undefined) return this.#only;
    const leftMs = Math.max(1, this.#expiresAt - performance.now());
    const deadline = new Deadline(leftMs, undefined, this.#priority, this.#meter);
    this.#cancel = (reason) => deadline.cancel(reason);
    return deadline;
  }

  end(deadline: Deadline, failed: boolean): void {
    if (deadline === this.#only) return;
    deadline.end();
    this.#meter?.end(failed);
  }

  /** The keys of the callers who still wait, as they are sent. */
  params(): SqlValue[] {
    this.#sent = this.#present;
    if (this.#present === this.#reads.length) return [...this.#params.values()];
    const params = new Map<string, SqlValue>();
    for (const read of this.#reads) if (!read.hasLeft) read.addTo(params);
    return [...params.values()];
  }

  answer(rows: RowsByKey): void {
    for (const read of this.#reads) read.answer(rows);
  }

  fail(reason: unknown, deadline: Deadline): void {
    // Where the time of all is over, each is told by its own deadline, of its own time.
    if (deadline !== this.#only && deadline.reason !== undefined) return;
    for (const read of this.#reads) read.fail(reason);
  }

  /** Milliseconds that its reads have waited by `now`, all together. */
  waitedMs(now: number): number {
    let sum = 0;
    for (const { since } of this.#reads) sum += now - since;
    return sum;
  }

  /** Those who still wait, in two batches of the same context, or in one where only one does. */
  halves(): ReadBatch[] {
    const present = this.#reads.filter(({ hasLeft }) => !hasLeft);
    const half = Math.ceil(present.length / 2);
    return [present.slice(0, half), present.slice(half)]
      .filter((reads) => reads.length > 0)
      .map((reads) => {
        const batch = new ReadBatch(this.target);
        batch.keepContext();
        for (const read of reads) {
          read.stopListening();
          batch.join(read);
        }
        return batch;
      });
  }
}
