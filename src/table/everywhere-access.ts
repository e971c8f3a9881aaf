import { didYouMean } from '../config/did-you-mean.ts';
import { scatterInQuiet } from '../distributed/quiet.ts';
import { scatter } from '../distributed/scatter.ts';
import { ConfigError } from '../errors/config-error.ts';
import { ResidencyError } from '../errors/residency-error.ts';
import { RoutingError } from '../errors/routing-error.ts';
import { MergeError } from '../errors/scatter-error.ts';
import type { SqlValue } from '../mysql/sql.ts';
import type { Observer } from '../observability/events.ts';
import { Deadline } from '../resilience/deadline.ts';
import { keyspaceOf } from '../routing/router.ts';
import { mayHold } from '../sharding/residency.ts';
import type { Keyspace, Shard } from '../topology/topology.ts';
import type { RowSchema } from './define-table.ts';
import { assertRead, quoted } from './raw-statement.ts';
import { decoderOf } from './result-codec.ts';
import type { TableRuntime } from './table-runtime.ts';
import type { QueryRow, ScatterOptions } from './table-types.ts';

const defaultMaxRows = 100_000;

type Options = ScatterOptions<RowSchema | undefined>;

/** Reads over all shards of a table's keyspace. */
export class EverywhereAccess {
  readonly #runtime: TableRuntime;
  readonly #observe: Observer;

  constructor(runtime: TableRuntime, observe: Observer) {
    this.#runtime = runtime;
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
    assertLimits(options);
    assertMergeable(sql);
    const { topology, executor, calls, table, region, audited, forwarding } = this.#runtime;
    const decode = decoderOf(options);
    const shards = shardsIn(keyspaceOf(topology.current, table.keyspace), options.regions);
    audited('scatter', () => assertLawful(table.keyspace, shards, region));
    const leave = calls.enter();
    try {
      const whole = new Deadline(options.timeoutMs ?? Number.POSITIVE_INFINITY, options.signal);
      this.#observe({ type: 'scatter', keyspace: table.keyspace, shards: shards.length });
      const request = {
        shards,
        statement: { sql, params },
        consistency: options.consistency ?? 'primary',
        here: region,
        merge: options.merge ?? {},
      };
      try {
        const rows = forwarding
          ? scatterInQuiet(forwarding, executor, request, { openTimeoutMs: calls.timeoutMs, whole })
          : scatter(executor, { ...request, limits: { openTimeoutMs: calls.timeoutMs, whole } });
        for await (const row of rows) yield decode(row);
      } finally {
        whole.end();
      }
    } finally {
      leave();
    }
  }
}

/** The shards that are asked. A region that is misspelt must not be left out without a word. */
function shardsIn({ name, shards }: Keyspace, wanted: readonly string[] | undefined) {
  if (wanted === undefined) return shards;
  const regions = new Set(shards.map(({ region }) => region.name));
  for (const region of wanted) {
    if (regions.has(region)) continue;
    throw new RoutingError(
      `Keyspace '${name}' has no shards in region '${region}'${didYouMean(region, regions)}`,
      { keyspace: name },
    );
  }
  if (wanted.length > 0) return shards.filter(({ region }) => wanted.includes(region.name));
  throw new RoutingError('regions names none; leave it out to ask all shards.', { keyspace: name });
}

/** What a scatter brings is all that a region has, so it needs a process that may hold it. */
function assertLawful(keyspace: string, shards: readonly Shard[], here: string | undefined): void {
  const barred = shards.filter((shard) => !mayHold(here, shard.region));
  if (barred.length === 0) return;
  const strictRegions = [...new Set(barred.map(({ region }) => region.name))];
  const open = new Set(shards.map((shard) => shard.region.name));
  for (const name of strictRegions) open.delete(name);
  const place = here === undefined ? 'a process without a region' : `a process in region '${here}'`;
  throw new ResidencyError(
    `Rows of ${strictRegions.join(' and ')} may not be read everywhere by ${place}. ` +
      (open.size > 0
        ? `Ask the others with { regions: ${JSON.stringify([...open])} }, or let `
        : 'Let ') +
      `a process there run this${here === undefined ? '; the option region says where one runs' : ''}.`,
    { strictRegions, region: here },
    { keyspace },
  );
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

const skipping = /\bLIMIT\s+(?:\d+|\?)\s*(?:,|OFFSET\b)|\bOFFSET\s+(?:\d+|\?)\s+ROWS?\b/i;

/** Each shard would skip rows of its own, which are not those that the whole would skip. */
function assertMergeable(sql: string): void {
  if (!skipping.test(sql.replace(quoted, ' '))) return;
  throw new MergeError(
    'An OFFSET skips rows on each shard, not of the whole. Ask for the rows after the last key of the page before.',
  );
}
