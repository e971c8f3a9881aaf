import { type GivenRedis, isPerRegion } from './cache/redis/redis-regions.ts';
import {
  type BreakerOptions,
  type CacheTierOptions,
  type DataLayerConfig,
  type IdempotencyOptions,
  type PoolOptions,
  parseDataLayerOptions,
  type RetryOptions,
} from './config/data-layer-options.ts';
import { didYouMean } from './config/did-you-mean.ts';
import type { DirectoryOptions } from './config/directory-options.ts';
import type { TopologyDocument } from './config/topology-document.ts';
import { ConfigError, type Problem } from './errors/config-error.ts';
import type { Observer } from './observability/events.ts';
import type { Logger } from './observability/pino-observer.ts';
import type { Table } from './rows/schema/define-table.ts';
import type { ReferenceTable } from './rows/schema/reference-table.ts';
import {
  type ReservedName,
  reservedInTransactions,
  reservedNames,
} from './rows/schema/reserved-names.ts';
import type { Tables } from './rows/schema/row-types.ts';
import {
  planReference,
  planTable,
  type ReferencePlan,
  type TablePlan,
} from './rows/schema/table-plan.ts';
import type { IpLocator } from './sharding/places/locate-place.ts';
import { createTopology } from './topology/create-topology.ts';
import type { Topology } from './topology/topology.ts';
import { fileTopology, staticTopology, type TopologySource } from './topology/topology-source.ts';

export interface DataLayerOptions<T extends Tables> {
  /** A JSON file's path, a document, or a source such as `fileTopology('topology.json')`. */
  topology: string | TopologyDocument | TopologySource;
  /**
   * The region this process runs in, and its Redis if there is one for all. Must be given where rows
   * of a strict region are cached, or Redis is given per region.
   */
  region?: string;
  /** Who is named in the audit trail. Default: `hostname:pid`. */
  service?: string;
  /** The tables, by the name under which the data layer offers them. */
  tables: T & { readonly [Name in ReservedName]?: never };
  /**
   * A `redis://` URL, an ioredis client of yours, either of them for each region by name, or `false`:
   * the cache is memory only.
   */
  redis: GivenRedis;
  /**
   * Tells where the address of a place (`{ ip }`) is: `maxmindLocator(reader)` of
   * `meridian/sharding`, or a function of yours. Default: none, and a place with an `ip` is refused.
   */
  locateIp?: IpLocator;
  /**
   * `create` lets the data layer record in each shard's database which shard it is; `verify` only
   * reads it, and the error prints the DDL. Default `verify`.
   */
  systemTables?: 'create' | 'verify';
  /**
   * What becomes of a UNIQUE index that holds on each shard only, because it has neither the key that
   * places the row nor a lookup: `warn` is an event and a line of the log, `refuse` a ConfigError.
   * Default `warn`.
   */
  uniqueAcrossShards?: 'warn' | 'refuse';
  /** Milliseconds for a call that names none. Default 5,000. */
  timeoutMs?: number;
  /**
   * Milliseconds for the start: for databases to come up, and for the checks. Default 30,000. When it is
   * over, an UnavailableError names every shard that is down, with its region, address and reason.
   */
  startupTimeoutMs?: number;
  /**
   * `strict`: starts when the primary of every shard is up and was verified. `lazy`: starts when one of
   * each keyspace that has tables is; calls to the others fail with an UnavailableError until they
   * are up and were verified, and those that turn out wrong are refused. Default `strict`.
   */
  startup?: 'strict' | 'lazy';
  /** Ends the startup when it fires: nothing stays open. Afterwards `close()` ends the data layer. */
  signal?: AbortSignal;
  pool?: PoolOptions;
  retry?: RetryOptions;
  breaker?: BreakerOptions;
  cache?: CacheTierOptions;
  /** How long the keys of operations that may be repeated are remembered. */
  idempotency?: IdempotencyOptions;
  /** Where unique values are kept. Must be given when a table has `lookups`. */
  directory?: DirectoryOptions;
  /** A pino logger, or `false` for none. Default: warnings and worse to standard error. */
  logger?: Logger | false;
  /**
   * `true` puts a server's own text into errors, events and the log: where a syntax error is ("near …"),
   * which value does not fit. It quotes statements, values and rows, so it is for your own machine.
   * Default `false`.
   */
  debugErrors?: boolean;
  /** Are told of every event. */
  observers?: Observer[];
}

/** What the options come to. */
interface ReadOptionsResult {
  readonly config: DataLayerConfig;
  readonly topology: Topology;
  readonly plans: readonly TablePlan[];
  readonly references: readonly ReferencePlan[];
}

/** Everything that can be checked without opening a connection, all problems in one error. */
export async function readOptions(options: DataLayerOptions<Tables>): Promise<ReadOptionsResult> {
  const problems: Problem[] = [];
  const config = parseDataLayerOptions(options, problems);
  const topology =
    options?.topology === undefined ? undefined : await loadTopology(options.topology, problems);
  const names: readonly string[] = [...reservedNames, ...reservedInTransactions];
  const references: ReferencePlan[] = [];
  const tables = typeof options?.tables === 'object' ? (options.tables ?? {}) : {};
  const plans = Object.entries(tables).flatMap(([label, table]) => {
    if (names.includes(label) || label in Object.prototype) {
      problems.push({
        path: `tables.${label}`,
        message: `'${label}' is a name of the data layer itself; offer the table under another one`,
      });
    }
    if (isReference(table)) {
      references.push(...[planReference(label, table, problems) ?? []].flat());
      return [];
    }
    return planTable(label, table, { topology, directory: config?.directory }, problems) ?? [];
  });
  checkDirectory(config?.directory?.keyspace, topology, problems);
  reportRepeats(plans, references, problems);
  if (topology !== undefined && config !== undefined) {
    checkProcessRegion(config.region, topology, plans, problems);
    checkRedisRegions(options.redis, config.region, topology, problems);
  }
  if (problems.length > 0 || config === undefined || topology === undefined) {
    throw new ConfigError('The data layer can not start', problems);
  }
  return { config, topology, plans, references };
}

function checkDirectory(
  name: string | undefined,
  topology: Topology | undefined,
  problems: Problem[],
): void {
  if (name === undefined || topology === undefined) return;
  const keyspace = topology.keyspaces.get(name);
  if (keyspace?.strategy === 'hash') return;
  problems.push({
    path: 'directory.keyspace',
    message:
      keyspace === undefined
        ? `there is no keyspace '${name}'${didYouMean(name, topology.keyspaces.keys())}`
        : `'${name}' is geographic; the directory needs a hash keyspace`,
  });
}

/** Two handles of one table would each keep a cache, and not hear of the other's writes. */
function reportRepeats(
  plans: readonly TablePlan[],
  references: readonly ReferencePlan[],
  problems: Problem[],
): void {
  const labels = new Map<string, string>();
  // A reference table is on every shard, so its name is taken in every keyspace.
  for (const [index, { label, table }] of references.entries()) {
    const same = [...references.slice(0, index), ...plans].find(
      (other) => other.table.name === table.name,
    );
    if (same === undefined) continue;
    problems.push({
      path: `tables.${label}`,
      message: `is the same table as tables.${same.label}`,
    });
  }
  for (const { label, table } of plans) {
    const where = JSON.stringify([table.keyspace, table.name]);
    const other = labels.get(where);
    if (other === undefined) labels.set(where, label);
    else {
      problems.push({ path: `tables.${label}`, message: `is the same table as tables.${other}` });
    }
  }
}

function checkProcessRegion(
  region: string | undefined,
  topology: Topology,
  plans: readonly TablePlan[],
  problems: Problem[],
): void {
  if (region !== undefined) {
    if (topology.regions.has(region)) return;
    const known = didYouMean(region, topology.regions.keys());
    problems.push({ path: 'region', message: `the topology has no region '${region}'${known}` });
    return;
  }
  for (const { label, table } of plans) {
    const shards = topology.keyspaces.get(table.keyspace)?.shards ?? [];
    const strict = shards.find((shard) => shard.region.residency === 'strict')?.region;
    if (table.cache === undefined || strict === undefined) continue;
    problems.push({
      path: 'region',
      message:
        `is missing: tables.${label} is cached, and rows of region '${strict.name}' may be kept only where ` +
        'it says. Name the region in which this process runs',
    });
    return;
  }
}

function checkRedisRegions(
  redis: GivenRedis,
  region: string | undefined,
  topology: Topology,
  problems: Problem[],
): void {
  if (!isPerRegion(redis)) return;
  for (const name of Object.keys(redis)) {
    if (topology.regions.has(name)) continue;
    const known = didYouMean(name, topology.regions.keys());
    problems.push({
      path: `redis.${name}`,
      message: `the topology has no region '${name}'${known}`,
    });
  }
  if (region === undefined) {
    problems.push({
      path: 'region',
      message: 'is missing: with a Redis for each region, say in which one this process runs',
    });
  } else if (!Object.hasOwn(redis, region)) {
    problems.push({ path: 'redis', message: `has none for '${region}', where this process runs` });
  }
}

function isReference(table: Table | ReferenceTable): table is ReferenceTable {
  // What is no table at all is reported by planTable.
  return typeof table === 'object' && table !== null && 'reference' in table;
}

async function loadTopology(
  given: DataLayerOptions<Tables>['topology'],
  problems: Problem[],
): Promise<Topology | undefined> {
  const own: Problem[] = [];
  const source = sourceOf(given);
  let topology: Topology | undefined;
  try {
    topology = createTopology(await source.load(), own);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    own.push(...error.problems);
  }
  // One by one: as arguments of one call, many thousands would overflow the stack.
  for (const problem of own) problems.push(problem);
  return topology;
}

function sourceOf(given: DataLayerOptions<Tables>['topology']): TopologySource {
  if (typeof given === 'string') return fileTopology(given);
  const isSource = typeof given === 'object' && given !== null && 'load' in given;
  return isSource ? given : staticTopology(given);
}
