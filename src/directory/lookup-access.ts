import { handOut } from '../cache/memory/memory-store.ts';
import type { Call } from '../execution/call.ts';
import type { MemoryReads } from '../observability/memory-reads.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Consistency } from '../routing/endpoint-order.ts';
import { type Explanation, explainRoute } from '../routing/explain.ts';
import type { Route } from '../routing/route.ts';
import { keyspaceOf } from '../routing/router.ts';
import {
  type Currency,
  checkCurrency,
  isAsEver,
  type ReadOptions,
  type ReadPath,
} from '../rows/reads/read-path.ts';
import type { RowOf, RowSchema } from '../rows/schema/define-table.ts';
import { mustSee } from '../rows/sessions/seen-writes.ts';
import type { TableRuntime } from '../rows/table-runtime.ts';
import type { LookupValue } from './lookup-values.ts';
import type { TableLookup } from './table-lookups.ts';

/**
 * Reads the rows that hold the values of one lookup.
 *
 * The directory only says which row to look at: the row itself, read after it, says whether it
 * holds the value. So a value is visible exactly when its row is, also while it is being written
 * and after a crash.
 */
export class LookupAccess<Schema extends RowSchema> {
  readonly #runtime: TableRuntime<Schema>;
  readonly #reads: ReadPath<Schema>;
  readonly #lookup: TableLookup;
  #memoryGets: MemoryReads | undefined;

  constructor(runtime: TableRuntime<Schema>, reads: ReadPath<Schema>, lookup: TableLookup) {
    this.#runtime = runtime;
    this.#reads = reads;
    this.#lookup = lookup;
  }

  /** What can be asked about one value. @throws {RoutingError} when it can't be one. */
  of(value: unknown): LookupQuery<Schema> {
    return new LookupQuery(this, this.#lookup.values.of(value));
  }

  get(asked: LookupValue, options: ReadOptions | undefined): Promise<RowOf<Schema> | null> {
    const { calls, table } = this.#runtime;
    const { memory } = this.#reads;
    // Two reads from memory, like the one of `get`: no deadline, no promise but the answer.
    if (isAsEver(options) && memory !== undefined) {
      const pointer = this.#lookup.cache?.hit(asked.cacheKey);
      if (pointer?.value === null) {
        this.#countMemoryGet();
        return Promise.resolve(null);
      }
      const entry = pointer && memory.hit(pointer.value);
      if (entry !== undefined && this.#holds(entry.value, asked)) {
        this.#countMemoryGet();
        return Promise.resolve(handOut(entry));
      }
    }
    return calls.run('by.get', table.name, options, (call) => {
      checkCurrency(options);
      return this.#read(asked, options, call);
    });
  }

  #countMemoryGet(): void {
    const { calls, table } = this.#runtime;
    this.#memoryGets ??= calls.memoryReads('by.get', table.name);
    this.#memoryGets.add();
  }

  explain(asked: LookupValue): Explanation {
    const { table, topology } = this.#runtime;
    const route = this.#lookup.directory.routeOf(this.#entryKey(asked), topology.current);
    return explainRoute(`${table.name}.${this.#lookup.plan.column}`, route, this.#runtime);
  }

  #entryKey({ stored }: LookupValue) {
    return { lookup: this.#lookup.plan.name, value: stored[0] };
  }

  async #read(
    asked: LookupValue,
    currency: Currency = {},
    call: Call,
  ): Promise<RowOf<Schema> | null> {
    const pointer = await this.#pointer(asked, currency, call);
    if (pointer === null) return null;
    const row = await this.#follow(asked, pointer, currency, call);
    if (row !== null || currency.consistency !== undefined) return row;
    // What was remembered is out of date, here or there: what is stored decides.
    await this.#lookup.cache?.invalidate([asked.cacheKey]);
    const current = await this.#pointer(asked, {}, call);
    const primary: Currency = { consistency: 'primary' };
    return current === null ? null : this.#follow(asked, current, primary, call);
  }

  /** The text of the key of the row that may hold the value. */
  async #pointer(
    asked: LookupValue,
    { consistency, token, maxAgeMs }: Currency,
    call: Call,
  ): Promise<string | null> {
    const { cache, directory } = this.#lookup;
    const home = directory.routeOf(this.#entryKey(asked), call.topology);
    if (this.#mayHaveWritten(token, call)) return this.#ask(asked, home, 'primary', call);
    if (cache === undefined || consistency !== undefined) {
      return this.#ask(asked, home, consistency ?? 'primary', call);
    }
    const [pointer] = await cache.getMany(
      [asked.cacheKey],
      async (_, filling) => {
        const found = await this.#ask(asked, home, 'primary', filling.deadline);
        if (home.topology !== this.#runtime.topology.current) filling.keepOut(asked.cacheKey);
        return [found];
      },
      { deadline: call, maxAgeMs },
    );
    return pointer ?? null;
  }

  /**
   * Whether a row of this keyspace was written by those whose writes the read must see. They are noted
   * by the shards of rows, which are not where values are kept.
   */
  #mayHaveWritten(token: string | undefined, { topology }: Call): boolean {
    const { table } = this.#runtime;
    const seen = mustSee(this.#runtime.seen, token);
    const { shards } = keyspaceOf(topology, table.keyspace);
    return seen.concernsAny(topology, shards);
  }

  async #ask(
    asked: LookupValue,
    home: Route,
    consistency: Consistency,
    deadline: Deadline,
  ): Promise<string | null> {
    const key = this.#entryKey(asked);
    const entry = await this.#lookup.directory.find(key, home, consistency, deadline);
    return entry?.rowKey ?? null;
  }

  /** The row, if it holds the value. */
  async #follow(
    asked: LookupValue,
    pointer: string,
    currency: Currency,
    call: Call,
  ): Promise<RowOf<Schema> | null> {
    const key = this.#runtime.codec.keyOfText(pointer);
    const row = await this.#reads.read(key, currency, call);
    return this.#holds(row, asked) ? row : null;
  }

  #holds(row: RowOf<Schema> | null, asked: LookupValue): boolean {
    if (row === null) return false;
    const value: unknown = row[this.#lookup.plan.column];
    return value === asked.value || this.#lookup.values.held(value)?.text === asked.text;
  }
}

/** A value that is asked about. A class, since functions made for every call would cost more. */
class LookupQuery<Schema extends RowSchema> {
  readonly #access: LookupAccess<Schema>;
  readonly #asked: LookupValue;

  constructor(access: LookupAccess<Schema>, asked: LookupValue) {
    this.#access = access;
    this.#asked = asked;
  }

  get(options?: ReadOptions): Promise<RowOf<Schema> | null> {
    return this.#access.get(this.#asked, options);
  }

  explain(): Explanation {
    return this.#access.explain(this.#asked);
  }
}
