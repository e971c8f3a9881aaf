import { ConfigError } from '../errors/config-error.ts';
import type { Call } from '../execution/call.ts';
import { whileRead } from '../execution/patient-reader.ts';
import type { SqlValue, Statement } from '../mysql/sql/sql.ts';
import type { Observer } from '../observability/events.ts';
import type { Consistency } from '../routing/endpoint-order.ts';
import { assertNoHiddenChange } from '../rows/raw/hidden-changes.ts';
import { assertParameterForms } from '../rows/raw/parameter-forms.ts';
import { assertRead } from '../rows/raw/raw-statement.ts';
import type { ReaderOptions } from '../rows/reads/query-options.ts';
import { decoderOf } from '../rows/reads/result-codec.ts';
import { shardsInBulk } from '../rows/reads/shards-in-bulk.ts';
import type { RowSchema } from '../rows/schema/define-table.ts';
import type { QueryRow } from '../rows/schema/row-types.ts';
import type { Untyped } from '../rows/schema/untyped.ts';
import { mustSee } from '../rows/sessions/seen-writes.ts';
import type { TableRegistry } from '../rows/table-registry.ts';
import type { TableRuntime } from '../rows/table-runtime.ts';
import type { Shard } from '../topology/topology.ts';
import { assertSpread } from './judge/assert-spread.ts';
import { knownTables } from './judge/known-tables.ts';
import { type CollectedPart, mergeParts, type Row } from './merge.ts';
import { collect, type Merged, type ScatterRequest, scatter, tooMany } from './scatter.ts';
import { planScatter, type ScatterPlan } from './scatter-statement.ts';
import type { EverywhereHandle, ScatterOptions } from './scatter-types.ts';
import { type Calling, stableCollect, stableScatter } from './stable-scatter.ts';

const defaultMaxRows = 100_000;
/** Up to so many rows of each shard are collected where more than are wanted may come; else they are streamed. */
const mostCollected = 10_000;

interface PlannedScatter extends Merged {
  readonly request: ScatterRequest & Calling;
  /** Whether no shard sends more than `limit` rows. */
  readonly isCut: boolean;
  readonly decode: (row: Row) => QueryRow;
}

type Options = ScatterOptions<RowSchema | undefined>;
type EachOptions = Omit<Options, 'merge'>;

/** Reads over all shards of a table's keyspace. */
export class EverywhereAccess implements Untyped<EverywhereHandle> {
  readonly #runtime: TableRuntime;
  readonly #registry: TableRegistry;
  readonly #observe: Observer;

  constructor(runtime: TableRuntime, registry: TableRegistry, observe: Observer) {
    this.#runtime = runtime;
    this.#registry = registry;
    this.#observe = observe;
  }

  query(sql: string, params: readonly SqlValue[] = [], options: Options = {}): Promise<QueryRow[]> {
    const { calls, table } = this.#runtime;
    return calls.run('everywhere.query', table.name, options, async (whole) => {
      const { maxRows = defaultMaxRows } = options;
      const plan = this.#plan(sql, params, options, whole);
      if (plan.limit === 0) return [];
      if (isBounded(plan)) {
        const parts = await this.#collect(
          plan.request,
          plan.isCut ? Number.POSITIVE_INFINITY : maxRows,
        );
        const rows = mergeParts(parts, plan.order, plan.limit);
        if (rows.length > maxRows) throw tooMany(maxRows);
        return rows.map(plan.decode);
      }
      const rows: QueryRow[] = [];
      for await (const row of this.#merged(plan)) {
        if (rows.length === maxRows) throw tooMany(maxRows);
        rows.push(plan.decode(row));
      }
      return rows;
    });
  }

  each(
    sql: string,
    params: readonly SqlValue[] = [],
    options: EachOptions = {},
  ): Promise<Pick<CollectedPart, 'shard' | 'rows'>[]> {
    const { calls, table } = this.#runtime;
    return calls.run('everywhere.each', table.name, options, async (whole) => {
      this.#assertRead(sql, params, options, whole);
      assertNoMerge(options);
      const decode = decoderOf(options);
      const shards = shardsInBulk(this.#runtime, whole.topology, options.regions);
      const request = this.#request(shards, { sql, params }, options, whole);
      const parts = await this.#collect(request, options.maxRows ?? defaultMaxRows);
      return parts.map(({ shard, rows }) => ({ shard, rows: rows.map(decode) }));
    });
  }

  stream(
    sql: string,
    params: readonly SqlValue[] = [],
    { readerTimeoutMs, ...options }: Options & ReaderOptions = {},
  ): AsyncGenerator<QueryRow, void, undefined> {
    const { calls, table } = this.#runtime;
    return calls.stream('everywhere.stream', table.name, options, (whole) =>
      this.#decoded(sql, params, options, whole, readerTimeoutMs),
    );
  }

  async *#decoded(
    sql: string,
    params: readonly SqlValue[],
    options: Options,
    whole: Call,
    readerTimeoutMs: number | undefined,
  ): AsyncGenerator<QueryRow, void, undefined> {
    const plan = this.#plan(sql, params, options, whole);
    const rows = whileRead(this.#merged(plan), whole, readerTimeoutMs);
    for await (const row of rows) yield plan.decode(row);
  }

  #plan(sql: string, params: readonly SqlValue[], options: Options, whole: Call): PlannedScatter {
    this.#assertRead(sql, params, options, whole);
    const { merge } = options;
    const decode = decoderOf(options);
    const shards = shardsInBulk(this.#runtime, whole.topology, options.regions);
    const isMerged = merge?.orderBy !== undefined || merge?.limit !== undefined;
    const plan: ScatterPlan =
      shards.length > 1 || isMerged
        ? planScatter(sql, params, merge ?? {})
        : { sql, order: undefined, isCut: false };
    if (shards.length > 1) {
      const { keyspace } = this.#runtime.table;
      assertSpread(sql, knownTables(this.#registry, keyspace, whole.topology));
    }
    const { order, isCut } = plan;
    const request = this.#request(shards, { sql: plan.sql, params }, options, whole);
    return { request, order, isCut, decode, limit: merge?.limit ?? Number.POSITIVE_INFINITY };
  }

  #request(
    shards: readonly Shard[],
    statement: Statement,
    options: Options,
    whole: Call,
  ): ScatterRequest & Calling {
    const { calls, table, region: here } = this.#runtime;
    this.#observe({ type: 'scatter', keyspace: table.keyspace, shards: shards.length });
    const consistencyOf = this.#consistencyOf(options, shards, whole);
    const limits = { openTimeoutMs: calls.timeoutMs, whole };
    return { shards, statement, consistencyOf, here, limits };
  }

  #merged(plan: PlannedScatter): AsyncGenerator<Row, void, undefined> {
    const { executor, forwarding } = this.#runtime;
    const run = (request: ScatterRequest) => scatter(executor, request, plan);
    return forwarding.mayMove ? stableScatter(forwarding, plan.request, run) : run(plan.request);
  }

  #collect(asked: ScatterRequest & Calling, maxRows: number): Promise<CollectedPart[]> {
    const { executor, forwarding } = this.#runtime;
    const run = (request: ScatterRequest) => collect(executor, request, maxRows);
    return forwarding.mayMove ? stableCollect(forwarding, asked, run) : run(asked);
  }

  #assertRead(
    sql: string,
    params: readonly SqlValue[],
    options: Options,
    { topology }: Call,
  ): void {
    const { keyspace } = this.#runtime.table;
    assertRead(sql);
    assertNoHiddenChange(sql, this.#registry.effectsIn(keyspace, topology));
    assertParameterForms('read', sql, params, this.#registry.formsIn(keyspace));
    assertLimits(options);
  }

  /** What was written is read from the primary. Where rows move about, it may be on any shard by now. */
  #consistencyOf(
    { consistency = 'primary', token }: Options,
    shards: readonly Shard[],
    { topology }: Call,
  ) {
    const { seen, forwarding } = this.#runtime;
    const writes = mustSee(seen, token);
    return (shard: Shard): Consistency => {
      const mayHold = forwarding.mayMove ? shards : [shard];
      return writes.concernsAny(topology, mayHold) ? 'primary' : consistency;
    };
  }
}

/** Whether what the shards send is about what is wanted of them. */
function isBounded({ limit, isCut }: PlannedScatter): boolean {
  return limit === Number.POSITIVE_INFINITY || (isCut && limit <= mostCollected);
}

/** What is merged by nobody would be ignored without a word. */
function assertNoMerge(options: EachOptions): void {
  if (!('merge' in options)) return;
  throw new ConfigError('Bad call options', [
    {
      path: 'merge',
      message: 'is for query() and stream(): each() gives every shard by itself',
    },
  ]);
}

/** A limit that is no count would be ignored, or leave rows out, without a word. */
function assertLimits({ merge, maxRows }: Options): void {
  const problems = Object.entries({ 'merge.limit': merge?.limit, maxRows }).flatMap(
    ([path, value]) =>
      value === undefined || (Number.isInteger(value) && value >= 0)
        ? []
        : [{ path, message: 'must be a whole number, 0 or more' }],
  );
  if (problems.length > 0) throw new ConfigError('Bad call options', problems);
}
