import type { RawRow, SqlValue } from '../../mysql/sql/sql.ts';
import type { Deadline } from '../../resilience/time/deadline.ts';

/** The raw rows of a statement, by the texts that tell their keys apart. */
export type RowsByKey = ReadonlyMap<string, RawRow>;

/** One caller's part of a batch. */
export interface BatchedRead {
  readonly deadline: Deadline;
  /** When it joined, in milliseconds on the monotonic clock. */
  readonly since: number;
  readonly hasLeft: boolean;
  addTo(params: Map<string, SqlValue>): void;
  /** Its caller may leave from now on, whom `onLeaving` then tells of. */
  listen(onLeaving: (reason: Error) => void): void;
  stopListening(): void;
  answer(rows: RowsByKey): void;
  fail(reason: unknown): void;
}

abstract class Read<T> implements BatchedRead {
  readonly deadline: Deadline;
  readonly answered: Promise<T>;
  readonly since = performance.now();
  #resolve: (value: T) => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  #stopListening = () => {};
  hasLeft = false;

  constructor(deadline: Deadline) {
    this.deadline = deadline;
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  abstract addTo(params: Map<string, SqlValue>): void;

  protected abstract pick(rows: RowsByKey): T;

  listen(onLeaving: (reason: Error) => void): void {
    this.#stopListening = this.deadline.onCancel((reason) => {
      this.hasLeft = true;
      this.#reject(reason);
      onLeaving(reason);
    });
  }

  stopListening(): void {
    this.#stopListening();
  }

  answer(rows: RowsByKey): void {
    this.#stopListening();
    this.#resolve(this.pick(rows));
  }

  fail(reason: unknown): void {
    this.#stopListening();
    this.#reject(reason);
  }
}

/** The read of one row. */
export class OneKey extends Read<RawRow | null> {
  readonly #key: string;
  readonly #param: SqlValue;

  constructor(key: string, param: SqlValue, deadline: Deadline) {
    super(deadline);
    this.#key = key;
    this.#param = param;
  }

  addTo(params: Map<string, SqlValue>): void {
    params.set(this.#key, this.#param);
  }

  protected pick(rows: RowsByKey): RawRow | null {
    return rows.get(this.#key) ?? null;
  }
}

/** The read of several rows by one call, which looks for its own among all of the statement's. */
export class SeveralKeys extends Read<RowsByKey> {
  readonly #params: ReadonlyMap<string, SqlValue>;

  constructor(params: ReadonlyMap<string, SqlValue>, deadline: Deadline) {
    super(deadline);
    this.#params = params;
  }

  addTo(params: Map<string, SqlValue>): void {
    for (const [key, param] of this.#params) params.set(key, param);
  }

  protected pick(rows: RowsByKey): RowsByKey {
    return rows;
  }
}
