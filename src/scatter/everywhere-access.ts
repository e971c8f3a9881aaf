import { ConfigError } from '../errors/config-error.ts';
import { MergeError } from '../errors/scatter-error.ts';
import { whileRead } from '../execution/patient-reader.ts';
import type { SqlValue, Statement } from '../mysql/sql/sql.ts';
import type { Observer } from '../observability/events.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
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
import { eachShard, type ShardRows } from './each-shard.ts';
import { assertSpread } from './judge/assert-spread.ts';
import { knownTables } from './judge/known-tables.ts';
import { mergeRows } from './merge.ts';
import { type Combine, scatter } from './scatter.ts';
import { planScatter } from './scatter-statement.ts';
import type { EverywhereHandle, ScatterOptions } from './scatter-types.ts';
import { stableScatter } from './stable-scatter.ts';

const defaultMaxRows = 100_000;

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
      const rows: QueryRow[] = [];
      for await (const row of this.#merged(sql, params, options, whole)) {
        if (rows.length === maxRows) {
          throw new MergeError(
            `The shards have more than ${maxRows} rows for this; use everywhere.stream(), a limit, or a higher maxRows.`,
          );
        }
        rows.push(row);
      }
      return rows;
    });
  }

  each(
    sql: string,
    params: readonly SqlValue[] = [],
    options: EachOptions = {},
  ): Promise<ShardRows[]> {
    const { calls, table } = this.#runtime;
    return calls.run('everywhere.each', table.name, options, async (whole) => {
      this.#assertRead(sql, params, options);
      assertNoMerge(options);
      const decode = decoderOf(options);
      const shards = shardsInBulk(this.#runtime, options.regions);
      const parts = this.#scatter(shards, { sql, params }, options, whole, {
        combine: eachShard(options.maxRows ?? defaultMaxRows),
        limit: Number.POSITIVE_INFINITY,
      });
      const answers: ShardRows[] = [];
      for await (const { shard, rows } of whileRead(parts, whole)) {
        answers.push({ shard, rows: rows.map(decode) });
      }
      return answers;
    });
  }

  stream(
    sql: string,
    params: readonly SqlValue[] = [],
    { readerTimeoutMs, ...options }: Options & ReaderOptions = {},
  ): AsyncGenerator<QueryRow, void, undefined> {
    const { calls, table } = this.#runtime;
    return calls.stream('everywhere.stream', table.name, options, (whole) =>
      this.#merged(sql, params, options, whole, readerTimeoutMs),
    );
  }

  async *#merged(
    sql: string,
    params: readonly SqlValue[],
    options: Options,
    whole: Deadline,
    readerTimeoutMs?: number,
  ): AsyncGenerator<QueryRow, void, undefined> {
    this.#assertRead(sql, params, options);
    const { merge } = options;
    const decode = decoderOf(options);
    const shards = shardsInBulk(this.#runtime, options.regions);
    const isMerged = merge?.orderBy !== undefined || merge?.limit !== undefined;
    const plan =
      shards.length > 1 || isMerged
        ? planScatter(sql, params, merge ?? {})
        : { sql, order: undefined };
    if (shards.length > 1) {
      assertSpread(sql, knownTables(this.#registry, this.#runtime.table.keyspace));
    }
    const rows = this.#scatter(shards, { sql: plan.sql, params }, options, whole, {
      combine: (sources, onOpen) => mergeRows(sources, plan.order, onOpen),
      limit: merge?.limit ?? Number.POSITIVE_INFINITY,
    });
    for await (const row of whileRead(rows, whole, readerTimeoutMs)) yield decode(row);
  }

  #scatter<T>(
    shards: readonly Shard[],
    statement: Statement,
    options: Options,
    whole: Deadline,
    result: { readonly combine: Combine<T>; readonly limit: number },
  ): AsyncGenerator<T, void, undefined> {
    const { executor, calls, table, region: here, forwarding } = this.#runtime;
    this.#observe({ type: 'scatter', keyspace: table.keyspace, shards: shards.length });
    const consistencyOf = this.#consistencyOf(options, shards);
    const request = { shards, statement, consistencyOf, here, ...result };
    const limits = { openTimeoutMs: calls.timeoutMs, whole };
    return forwarding.mayMove
      ? stableScatter(forwarding, executor, request, limits)
      : scatter(executor, { ...request, limits });
  }

  #assertRead(sql: string, params: readonly SqlValue[], options: Options): void {
    const { keyspace } = this.#runtime.table;
    assertRead(sql);
    assertNoHiddenChange(sql, this.#registry.effectsIn(keyspace));
    assertParameterForms('read', sql, params, this.#registry.formsIn(keyspace));
    assertLimits(options);
  }

  /** What was written is read from the primary. Where rows move about, it may be on any shard by now. */
  #consistencyOf({ consistency = 'primary', token }: Options, shards: readonly Shard[]) {
    const { seen, topology, forwarding } = this.#runtime;
    const writes = mustSee(seen, token);
    return (shard: Shard): Consistency => {
      const mayHold = forwarding.mayMove ? shards : [shard];
      return writes.concernsAny(topology.current, mayHold) ? 'primary' : consistency;
    };
  }
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
