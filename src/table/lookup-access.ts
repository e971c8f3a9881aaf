import { handOut } from '../cache/memory-store.ts';
import type { Deadline } from '../resilience/deadline.ts';
import type { Consistency } from '../routing/endpoint-order.ts';
import { type Explanation, explainRoute } from '../routing/explain.ts';
import type { RowOf, RowSchema } from './define-table.ts';
import type { LookupValue } from './lookup-values.ts';
import type { ReadOptions, ReadPath } from './read-path.ts';
import type { TableLookup, TableLookups } from './table-lookups.ts';
import type { TableRuntime } from './table-runtime.ts';

/**
 * Reads the row that holds a unique value.
 *
 * The directory only says which row to look at: the row itself, read after it, says whether it
 * holds the value. So a value is visible exactly when its row is, also while it is being written
 * and after a crash.
 */
export class LookupAccess<Schema extends RowSchema> {
  readonly #runtime: TableRuntime<Schema>;
  readonly #reads: ReadPath<Schema>;
  readonly #lookups: TableLookups;
  readonly #lookup: TableLookup;
  readonly #asked: LookupValue;

  constructor(
    runtime: TableRuntime<Schema>,
    reads: ReadPath<Schema>,
    { lookups, lookup }: { readonly lookups: TableLookups; readonly lookup: TableLookup },
    value: unknown,
  ) {
    this.#runtime = runtime;
    this.#reads = reads;
    this.#lookups = lookups;
    this.#lookup = lookup;
    this.#asked = lookup.values.of(value);
  }

  get(options?: ReadOptions): Promise<RowOf<Schema> | null> {
    const { cache, calls } = this.#runtime;
    const consistency = options?.consistency;
    // Two reads from memory, like the one of `get`: no deadline, no promise but the answer.
    if (cache !== undefined && consistency === undefined) {
      const pointer = this.#lookup.cache?.peek(this.#asked.cacheKey);
      if (pointer?.value === null) return Promise.resolve(null);
      const entry = pointer && cache.peek(pointer.value);
      if (entry !== undefined && this.#holds(entry.value)) return Promise.resolve(handOut(entry));
    }
    return calls.run(options, (deadline) => this.#read(consistency, deadline));
  }

  explain(): Explanation {
    const { table } = this.#runtime;
    const route = this.#lookups.directory.routeOf(this.#entryKey);
    return explainRoute(`${table.name}.${this.#lookup.plan.column}`, route);
  }

  get #entryKey() {
    return { lookup: this.#lookup.plan.name, value: this.#asked.stored[0] };
  }

  async #read(
    consistency: Consistency | undefined,
    deadline: Deadline,
  ): Promise<RowOf<Schema> | null> {
    const pointer = await this.#pointer(consistency, deadline);
    if (pointer === null) return null;
    const row = await this.#follow(pointer, consistency, deadline);
    if (row !== null || consistency !== undefined) return row;
    // What was remembered is out of date, here or there: what is stored decides.
    await this.#lookup.cache?.invalidate([this.#asked.cacheKey]);
    const current = await this.#pointer(undefined, deadline);
    return current === null ? null : this.#follow(current, 'primary', deadline);
  }

  /** The text of the key of the row that may hold the value. */
  async #pointer(consistency: Consistency | undefined, deadline: Deadline): Promise<string | null> {
    const { cache } = this.#lookup;
    if (cache === undefined || consistency !== undefined) {
      return this.#ask(consistency ?? 'primary', deadline);
    }
    const [pointer] = await cache.getMany(
      [this.#asked.cacheKey],
      async (_, load) => [await this.#ask('primary', load)],
      deadline,
    );
    return pointer ?? null;
  }

  async #ask(consistency: Consistency, deadline: Deadline): Promise<string | null> {
    const entry = await this.#lookups.directory.find(this.#entryKey, consistency, deadline);
    return entry?.rowKey ?? null;
  }

  /** The row, if it holds the value. */
  async #follow(
    pointer: string,
    consistency: Consistency | undefined,
    deadline: Deadline,
  ): Promise<RowOf<Schema> | null> {
    const key = this.#runtime.codec.keyOfText(pointer);
    const row = await this.#reads.read(key, consistency, deadline);
    return this.#holds(row) ? row : null;
  }

  #holds(row: RowOf<Schema> | null): boolean {
    const { plan, values } = this.#lookup;
    return row !== null && values.is(row[plan.column], this.#asked);
  }
}
