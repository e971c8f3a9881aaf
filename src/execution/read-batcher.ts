import type { RawRow, SqlValue, Statement } from '../mysql/sql.ts';
import type { Observer } from '../observability/events.ts';
import { Deadline } from '../resilience/deadline.ts';
import type { Endpoint } from '../topology/topology.ts';
import type { Executor } from './executor.ts';

/** How the rows of one table are asked for and told apart. */
export interface PointReadSource {
  readonly table: string;
  selectByKeys(keys: readonly SqlValue[]): Statement;
  /** The key of a raw row, in the same text form as the `key` of a read. */
  keyOf(row: RawRow): string;
  /** 1 where SQL may call different keys equal: then every key travels alone. */
  readonly keysPerStatement: number;
}

export interface PointRead {
  /** Names the shard and the consistency: reads of one lane may travel together. */
  readonly lane: string;
  readonly endpoints: readonly Endpoint[];
  readonly shard: string;
  /** The key's canonical text. */
  readonly key: string;
  readonly param: SqlValue;
  readonly deadline: Deadline;
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
  callers: number;
  left: boolean;
  cancel: (reason: Error) => void;
}

/**
 * Point reads of one tick for one table, shard and consistency leave at its end as one `IN (…)`.
 *
 * Each caller keeps its own deadline and signal; the statement ends early only when all have left.
 */
export class ReadBatcher {
  readonly #source: PointReadSource;
  readonly #executor: Executor;
  readonly #observe: Observer;
  readonly #gathering = new Map<string, Batch>();

  constructor(source: PointReadSource, executor: Executor, observe: Observer) {
    this.#source = source;
    this.#executor = executor;
    this.#observe = observe;
  }

  /** The raw row of a key, or null. Rejects when the read's deadline passes. */
  read(read: PointRead): Promise<RawRow | null> {
    let batch = this.#gathering.get(read.lane);
    if (batch === undefined) {
      const opened = newBatch(read);
      batch = opened;
      this.#gathering.set(read.lane, opened);
      process.nextTick(() => this.#leave(opened));
    }
    const row = join(batch, read);
    if (batch.params.size >= this.#source.keysPerStatement) this.#leave(batch);
    return row;
  }

  #leave(batch: Batch): void {
    const { lane } = batch.first;
    if (batch.left) return;
    batch.left = true;
    if (this.#gathering.get(lane) === batch) this.#gathering.delete(lane);
    void this.#run(batch);
  }

  async #run(batch: Batch): Promise<void> {
    const { endpoints, shard } = batch.first;
    const deadline = new Deadline(batch.timeoutMs);
    batch.cancel = (reason) => deadline.cancel(reason);
    try {
      if (batch.callers === 0) return;
      this.#observe({
        type: 'read-batch',
        table: this.#source.table,
        shard,
        keys: batch.params.size,
      });
      const statement = this.#source.selectByKeys([...batch.params.values()]);
      const { rows } = await this.#executor.runStatement(endpoints, statement, 'read', deadline);
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
      for (const { stopListening, reject } of [...batch.waiting.values()].flat()) {
        stopListening();
        reject(error);
      }
    } finally {
      deadline.end();
    }
  }
}

function newBatch(first: PointRead): Batch {
  return {
    first,
    params: new Map(),
    waiting: new Map(),
    timeoutMs: 0,
    callers: 0,
    left: false,
    cancel: () => {},
  };
}

function join(batch: Batch, { key, param, deadline }: PointRead): Promise<RawRow | null> {
  return new Promise((resolve, reject) => {
    batch.callers++;
    batch.timeoutMs = Math.max(batch.timeoutMs, deadline.remainingMs, 1);
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
