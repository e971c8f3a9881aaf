import { ReadThrough } from '../cache/read-through.ts';
import type { RedisStores } from '../cache/redis/redis-regions.ts';
import type { DirectoryConfig } from '../config/directory-options.ts';
import type { Executor } from '../execution/executor.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import type { Observer } from '../observability/events.ts';
import { cacheLimits } from '../rows/schema/cache-limits.ts';
import type { RowSchema } from '../rows/schema/define-table.ts';
import type { TablePlan } from '../rows/schema/table-plan.ts';
import type { RowsRuntime } from '../rows/table-runtime.ts';
import { noIndex, type RowIndex } from '../rows/writes/row-index.ts';
import { Directory } from './directory.ts';
import { LookupIndex } from './lookup-index.ts';
import { LookupValues } from './lookup-values.ts';
import { ReservedWrites } from './reserved-writes.ts';
import { Reserver } from './reserver.ts';
import { Sweeper } from './sweeper.ts';
import { type TableLookup, TableLookups } from './table-lookups.ts';

/** The directory of unique values, as all tables share it. */
export interface OpenDirectory {
  readonly config: DirectoryConfig;
  readonly directory: Directory;
  readonly writes: ReservedWrites;
  readonly sweeper: Sweeper;
}

interface Parts {
  readonly executor: Executor;
  readonly upkeep: Upkeep;
  readonly observe: Observer;
}

/** Builds the directory if a table needs it. Does no I/O. */
export function openDirectory(
  config: DirectoryConfig | undefined,
  plans: readonly TablePlan[],
  { executor, upkeep, observe }: Parts,
): OpenDirectory | undefined {
  const keyspaces = plans.flatMap(({ table, lookups }) =>
    lookups.length > 0 ? [table.keyspace] : [],
  );
  if (config === undefined || keyspaces.length === 0) return undefined;
  const { reservationMs, sweepMs } = config;
  const directory = new Directory(config.keyspace, executor);
  const reserver = new Reserver(directory, executor, reservationMs);
  return {
    config,
    directory,
    writes: new ReservedWrites(directory, reserver, executor, observe),
    sweeper: new Sweeper({
      directory,
      reserver,
      executor,
      upkeep,
      keyspaces: [...new Set(keyspaces)],
      reservationMs,
      sweepMs: sweepMs || 0,
      observe,
    }),
  };
}

interface CacheParts {
  /** First part of the table's cache keys. */
  readonly place: string;
  readonly redis: RedisStores | undefined;
  readonly loadTimeoutMs: number;
  readonly observe: Observer;
  /** Whether this process may hold all rows of the table, wherever they are. */
  mayHoldAll(): boolean;
}

/** Builds what a table's lookups work with: none for a table that has none. */
export function openLookups<Schema extends RowSchema>(
  { table, lookups }: TablePlan<Schema>,
  open: OpenDirectory | undefined,
  { place, redis, loadTimeoutMs, observe, mayHoldAll }: CacheParts,
): TableLookups {
  const { cache } = table;
  if (open === undefined) return new TableLookups(table.name, []);
  const { config, directory, writes } = open;
  const opened = lookups.map((plan): TableLookup => {
    const name = `${table.name}.${plan.column}`;
    return {
      plan,
      directory,
      writes,
      values: new LookupValues(plan, table.name, config.keys, mayHoldAll),
      cache:
        cache &&
        new ReadThrough<string>(
          {
            name,
            namespace: `${place}:by:${plan.column}`,
            schema: '',
            decode: (value) => (typeof value === 'string' ? value : undefined),
            refreshTimeoutMs: loadTimeoutMs,
            markMs: 0,
            ownsLoaded: true,
            ownsDecoded: true,
            ...cacheLimits(cache),
          },
          redis,
          observe,
        ),
    };
  });
  return new TableLookups(table.name, opened);
}

/** What keeps the directory in step with a table's writes. */
export function openIndex<Schema extends RowSchema>(
  runtime: RowsRuntime<Schema>,
  lookups: TableLookups,
  directory: OpenDirectory | undefined,
): RowIndex<Schema> {
  return directory === undefined || lookups.all.length === 0
    ? noIndex(runtime.statements)
    : new LookupIndex(runtime, lookups, directory.writes);
}
