import { ReadThrough } from '../cache/read-through.ts';
import type { RedisStores } from '../cache/redis/redis-regions.ts';
import type { DirectoryConfig } from '../config/directory-options.ts';
import type { Executor } from '../execution/executor.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import type { Observer } from '../observability/events.ts';
import { cacheLimits } from '../rows/schema/cache-limits.ts';
import type { RowSchema } from '../rows/schema/define-table.ts';
import type { TablePlan } from '../rows/schema/table-plan.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import { Claimant } from './claimant.ts';
import { ClaimedWrites } from './claimed-write.ts';
import { Directory } from './directory.ts';
import { LookupValues } from './lookup-values.ts';
import { Sweeper } from './sweeper.ts';
import { type TableLookup, TableLookups } from './table-lookups.ts';

/** The directory of unique values, as all tables share it. */
export interface OpenDirectory {
  readonly config: DirectoryConfig;
  readonly directory: Directory;
  readonly writes: ClaimedWrites;
  readonly sweeper: Sweeper;
}

interface Parts {
  readonly topology: TopologyStore;
  readonly executor: Executor;
  readonly upkeep: Upkeep;
  readonly observe: Observer;
}

/** Builds the directory if a table needs it. Does no I/O. */
export function openDirectory(
  config: DirectoryConfig | undefined,
  plans: readonly TablePlan[],
  { topology, executor, upkeep, observe }: Parts,
): OpenDirectory | undefined {
  const keyspaces = plans.flatMap(({ table, lookups }) =>
    lookups.length > 0 ? [table.keyspace] : [],
  );
  if (config === undefined || keyspaces.length === 0) return undefined;
  const { reservationMs, sweepMs } = config;
  const directory = new Directory(config.keyspace, topology, executor);
  const claimant = new Claimant(directory, topology, executor, reservationMs);
  return {
    config,
    directory,
    writes: new ClaimedWrites(directory, claimant, executor, observe),
    sweeper: new Sweeper({
      directory,
      claimant,
      executor,
      upkeep,
      topology,
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
  readonly mayHoldAll: boolean;
}

/** Builds what a table's lookups work with; undefined when it has none. */
export function openLookups<Schema extends RowSchema>(
  { table, lookups }: TablePlan<Schema>,
  { config, directory, writes }: OpenDirectory,
  { place, redis, loadTimeoutMs, observe, mayHoldAll }: CacheParts,
): TableLookups | undefined {
  if (lookups.length === 0) return undefined;
  const { cache } = table;
  const opened = lookups.map((plan): TableLookup => {
    const name = `${table.name}.${plan.column}`;
    return {
      plan,
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
  return new TableLookups(directory, writes, opened);
}
