import { scatterInQuiet } from '../distributed/quiet.ts';
import { scatter } from '../distributed/scatter.ts';
import { ConfigError } from '../errors/config-error.ts';
import { MergeError } from '../errors/scatter-error.ts';
import type { SqlValue } from '../mysql/sql.ts';
import { tokensOf } from '../mysql/sql-tokens.ts';
import type { Observer } from '../observability/events.ts';
import type { Consistency } from '../routing/endpoint-order.ts';
import type { Shard } from '../topology/topology.ts';
import type { RowSchema } from './define-table.ts';
import { assertUuidForms } from './parameter-forms.ts';
import { assertRead } from './raw-statement.ts';
import { decoderOf } from './result-codec.ts';
import type { QueryRow } from './row-types.ts';
import { mustSee } from './seen-writes.ts';
import { shardsInBulk } from './shards-in-bulk.ts';
import { isWord } from './statement-facts.ts';
import type { TableRegistry } from './table-registry.ts';
import type { TableRuntime } from './table-runtime.ts';
import type { ScatterOptions } from './table-types.ts';

const defaultMaxRows = 100_000;

type Options = ScatterOptions<RowSchema | undefined>;

/** Reads over all shards of a table's keyspace. */
export class EverywhereAccess {
  readonly #runtime: TableRuntime;
  readonly #registry: TableRegistry;
  readonly #observe: Observer;

  constructor(runtime: TableRuntime, registry: TableRegistry, observe: Observer) {
    this.#runtime = runtime;
    this.#registry = registry;
    this.#observe = observe;
  }

  async query(
    sql: string,
    params: readonly SqlValue[] = [],
    options: Options = {},
  ): Promise<QueryRow[]> {
    const { maxRows = defaultMaxRows, timeoutMs = this.#runtime.calls.timeoutMs } = options;
    const rows: QueryRow[] = [];
    for await (const row of this.stream(sql, params, { ...options, timeoutMs })) {
      if (rows.length === maxRows) {
        throw new MergeError(
          `The shards have more than ${maxRows} rows for this; use everywhere.stream(), a limit, or a higher maxRows.`,
        );
      }
      rows.push(row);
    }
    return rows;
  }

  async *stream(
    sql: string,
    params: readonly SqlValue[] = [],
    options: Options = {},
  ): AsyncGenerator<QueryRow, void, undefined> {
    assertRead(sql);
    assertUuidForms(sql, params, this.#registry.formsIn(this.#runtime.table.keyspace));
    assertLimits(options);
    assertMergeable(sql);
    const { executor, calls, table, region, forwarding } = this.#runtime;
    const decode = decoderOf(options);
    const shards = shardsInBulk(this.#runtime, options.regions);
    const { deadline: whole, end } = calls.open('stream', options);
    try {
      this.#observe({ type: 'scatter', keyspace: table.keyspace, shards: shards.length });
      const request = {
        shards,
        statement: { sql, params },
        consistencyOf: this.#consistencyOf(options, shards),
        here: region,
        merge: options.merge ?? {},
      };
      const limits = { openTimeoutMs: calls.timeoutMs, whole };
      const rows = forwarding
        ? scatterInQuiet(forwarding, executor, request, limits)
        : scatter(executor, { ...request, limits });
      for await (const row of rows) yield decode(row);
    } finally {
      end();
    }
  }

  /** What was written is read from the primary. Where rows move about, it may be on any shard by now. */
  #consistencyOf({ consistency = 'primary', token }: Options, shards: readonly Shard[]) {
    const { seen, topology, forwarding } = this.#runtime;
    const writes = mustSee(seen, token);
    const together = forwarding && shards.map(({ name }) => name);
    return ({ name }: Shard): Consistency =>
      writes?.concerns(topology.current, ...(together ?? [name])) ? 'primary' : consistency;
  }
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

/** Each shard would skip rows of its own, which are not those that the whole would skip. */
function assertMergeable(sql: string): void {
  const tokens = tokensOf(sql);
  const skips = tokens.some(
    (token, index) =>
      isWord(token, 'OFFSET') || (isWord(token, 'LIMIT') && tokens[index + 2]?.text === ','),
  );
  if (!skips) return;
  throw new MergeError(
    'An OFFSET skips rows on each shard, not of the whole. Ask for the rows after the last key of the page before.',
  );
}
