import type { RawRow, SqlValue, Statement } from '../mysql/sql/sql.ts';
import { CallMeter } from '../observability/call-meter.ts';
import type { Observer } from '../observability/events.ts';
import { isBefore, type Priority } from '../resilience/admission/priority.ts';
import type { Guard } from '../resilience/guard.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import type { Endpoint } from '../topology/topology.ts';
import type { Executor } from './executor.ts';

/** What batches are sent with. */
type StatementRunner = Pick<Executor, 'runStatement'>;

/** How the rows of one table are asked for and told apart. */
export interface PointReadSource {
  readonly table: string;
  selectByKeys(keys: readonly SqlValue[]): Statement;
  /** What tells a raw row's key from others, in the same form as the `key` of a read. */
  keyOf(row: RawRow): string;
  /** 1 where SQL may call different keys equal: then every key travels alone. */
  readonly keysPerStatement: number;
}

export interface PointRead {
  /** Names the shard and the consistency: reads of one lane may travel together. */
  readonly lane: string;
  readonly endpoints: readonly Endpoint[];
  readonly shard: string;
  /** What tells the key from others. */
  readonly key: string;
  readonly param: SqlValue;
  readonly deadline: Deadline;
  /** Lets the statement through. Reads of one lane have the same one, or none. */
  readonly gate?: Guard | undefined;
}

interface Waiting {
  readonly resolve: (row: RawRow | null) => void;
  readonly reject: (error: unknown) => void;
  readonly stopListening: () => void;
}

/** Reads that will leave as one statement. */
interface Batch {
  readonly first: PointRead;
  readonly params: Map<string, SqlValue>;
  readonly waiting: Map<string, Waiting[]>;
  /** Ends when the last caller's deadline does, or when every caller has left. */
  timeoutMs: number;
  /** That of its most important caller. */
  priority: Priority;
  callers: number;
  /** The deadline of the only caller, which then is that of the batch. */
  only: Deadline | undefined;
  /** Charges every caller; undefined while nobody wants to know. */
  meter: CallMeter | undefined;
  left: boolean;
  cancel: (reason: Error) => void;
}

interface Lane {
  gathering: Batch | undefined;
  /** Reads that have not been answered. */
  outstanding: number;
  /** The most of late; halved, it is the size at which a batch leaves before its tick ends. */
  peak: number;
}

const smallestHalf = 8;
const forgetting = 0.95;

/**
 * Point reads of one tick for one table, shard and consistency leave at its end as one `IN (…)`.
 * Under load they leave in two halves, so that the server works on one while the process works on
 * the other.
 *
 * Each caller keeps its own deadline and signal; the statement ends early only when all have left.
 */
export class ReadBatcher {
  readonly #source: PointReadSource;
  readonly #executor: StatementRunner;
  readonly #observe: Observer;
  readonly #lanes = new Map<string, Lane>();

  constructor(source: PointReadSource, executor: StatementRunner, observe: Observer) {
    this.#source = source;
    this.#executor = executor;
    this.#observe = observe;
  }

  /** The raw row of a key, or null. Rejects when the read's deadline passes. */
  read(read: PointRead): Promise<RawRow | null> {
    const lane = this.#laneOf(read);
    let batch = lane.gathering;
    if (batch === undefined) {
      const opened = newBatch(read);
      batch = opened;
      lane.gathering = opened;
      process.nextTick(() => this.#leave(lane, opened));
    }
    const row = join(batch, read);
    lane.outstanding++;
    const half = Math.max(smallestHalf, Math.ceil(lane.peak / 2));
    if (batch.params.size >= Math.min(half, this.#source.keysPerStatement)) {
      this.#leave(lane, batch);
    }
    return row;
  }

  #laneOf(read: PointRead): Lane {
    let lane = this.#lanes.get(read.lane);
    if (lane === undefined) {
      lane = { gathering: undefined, outstanding: 0, peak: this.#source.keysPerStatement };
      this.#lanes.set(read.lane, lane);
    }
    return lane;
  }

  #leave(lane: Lane, batch: Batch): void {
    if (batch.left) return;
    batch.left = true;
    if (lane.gathering === batch) lane.gathering = undefined;
    lane.peak = Math.max(lane.outstanding, lane.peak * forgetting);
    const reads = batch.callers;
    void this.#run(batch).finally(() => {
      lane.outstanding -= reads;
    });
  }

  async #run(batch: Batch): Promise<void> {
    if (batch.callers === 0) return;
    const { endpoints, shard, gate } = batch.first;
    const deadline =
      batch.only ?? new Deadline(batch.timeoutMs, undefined, batch.priority, batch.meter);
    if (batch.only === undefined) batch.cancel = (reason) => deadline.cancel(reason);
    this.#observe({
      type: 'read-batch',
      table: this.#source.table,
      shard,
      keys: batch.params.size,
    });
    const wait = gate && deadline.meter?.wait('load');
    try {
      const statement = this.#source.selectByKeys([...batch.params.values()]);
      const ask = () => {
        wait?.end();
        return this.#executor.runStatement(endpoints, statement, 'read', deadline);
      };
      const { rows } = await (gate === undefined ? ask() : gate.admit(ask, deadline));
      const byKey = new Map<string, RawRow>();
      for (const row of rows) byKey.set(this.#source.keyOf(row), row);
      for (const [key, callers] of batch.waiting) {
        const row = byKey.get(key) ?? null;
        for (const { stopListening, resolve } of callers) {
          stopListening();
          resolve(row);
        }
      }
    } catch (error) {
      wait?.end();
      for (const { stopListening, reject } of [...batch.waiting.values()].flat()) {
        stopListening();
        reject(error);
      }
    } finally {
      if (batch.only === undefined) deadline.end();
    }
  }
}

function newBatch(first: PointRead): Batch {
  return {
    first,
    params: new Map(),
    waiting: new Map(),
    timeoutMs: 0,
    priority: first.deadline.priority,
    callers: 0,
    only: first.deadline,
    meter: undefined,
    left: false,
    cancel: () => {},
  };
}

function join(batch: Batch, { key, param, deadline }: PointRead): Promise<RawRow | null> {
  return new Promise((resolve, reject) => {
    batch.callers++;
    if (deadline !== batch.only) batch.only = undefined;
    if (deadline.meter !== undefined) {
      batch.meter ??= new CallMeter();
      batch.meter.share(deadline.meter);
    }
    batch.timeoutMs = Math.max(batch.timeoutMs, deadline.remainingMs, 1);
    if (isBefore(deadline.priority, batch.priority)) batch.priority = deadline.priority;
    const stopListening = deadline.onCancel((reason) => {
      reject(reason);
      if (--batch.callers === 0) batch.cancel(reason);
    });
    const waiting = batch.waiting.get(key);
    if (waiting === undefined) {
      batch.params.set(key, param);
      batch.waiting.set(key, [{ resolve, reject, stopListening }]);
    } else {
      waiting.push({ resolve, reject, stopListening });
    }
  });
}
