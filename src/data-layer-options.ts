import type { RedisClient } from './cache/redis-client.ts';
import {
  type BreakerOptions,
  type CacheTierOptions,
  type DataLayerConfig,
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
import {
  type ReservedName,
  reservedInTransactions,
  reservedNames,
} from './table/reserved-names.ts';
import { planTable, type TablePlan } from './table/table-plan.ts';
import type { Tables } from './table/table-types.ts';
import { createTopology } from './topology/create-topology.ts';
import type { Topology } from './topology/topology.ts';
import { fileTopology, staticTopology, type TopologySource } from './topology/topology-source.ts';

export interface DataLayerOptions<T extends Tables> {
  /** A JSON file's path, a document, or a source such as `fileTopology('topology.json')`. */
  topology: string | TopologyDocument | TopologySource;
  /** The region this process runs in; logs and events name it. */
  region?: string;
  /** The tables, by the name under which the data layer offers them. */
  tables: T & { readonly [Name in ReservedName]?: never };
  /** A `redis://` URL, an ioredis client of yours, or `false`: the cache is memory only. */
  redis: string | RedisClient | false;
  /**
   * `create` lets the data layer record in each shard's database which shard it is; `verify` only
   * reads it, and the error prints the DDL. Default `verify`.
   */
  systemTables?: 'create' | 'verify';
  /** Milliseconds for a call that names none. Default 5,000. */
  timeoutMs?: number;
  /** Milliseconds for the checks at startup. Default 30,000. */
  startupTimeoutMs?: number;
  pool?: PoolOptions;
  retry?: RetryOptions;
  breaker?: BreakerOptions;
  cache?: CacheTierOptions;
  /** Where unique values are kept. Must be given when a table has `lookups`. */
  directory?: DirectoryOptions;
  /** A pino logger, or `false` for none. Default: warnings and worse to standard error. */
  logger?: Logger | false;
  /** Are told of every event. */
  observers?: Observer[];
}

/** What the options come to. */
interface ReadOptionsResult {
  readonly config: DataLayerConfig;
  readonly topology: Topology;
  readonly plans: readonly TablePlan[];
}

/** Everything that can be checked without opening a connection, all problems in one error. */
export async function readOptions(options: DataLayerOptions<Tables>): Promise<ReadOptionsResult> {
  const problems: Problem[] = [];
  const config = parseDataLayerOptions(options, problems);
  const topology =
    options?.topology === undefined ? undefined : await loadTopology(options.topology, problems);
  const names: readonly string[] = [...reservedNames, ...reservedInTransactions];
  const plans = Object.entries(options?.tables ?? {}).flatMap(([label, table]) => {
    if (names.includes(label) || label in Object.prototype) {
      problems.push({
        path: `tables.${label}`,
        message: `'${label}' is a name of the data layer itself; offer the table under another one`,
      });
    }
    return planTable(label, table, { topology, directory: config?.directory }, problems) ?? [];
  });
  checkDirectory(config?.directory?.keyspace, topology, problems);
  reportRepeats(plans, problems);
  if (
    topology !== undefined &&
    config?.region !== undefined &&
    !topology.regions.has(config.region)
  ) {
    problems.push({
      path: 'region',
      message: `the topology has no region '${config.region}'${didYouMean(config.region, topology.regions.keys())}`,
    });
  }
  if (problems.length > 0 || config === undefined || topology === undefined) {
    throw new ConfigError('The data layer can not start', problems);
  }
  return { config, topology, plans };
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
function reportRepeats(plans: readonly TablePlan[], problems: Problem[]): void {
  const labels = new Map<string, string>();
  for (const { label, table } of plans) {
    const where = JSON.stringify([table.keyspace, table.name]);
    const other = labels.get(where);
    if (other === undefined) labels.set(where, label);
    else {
      problems.push({ path: `tables.${label}`, message: `is the same table as tables.${other}` });
    }
  }
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
  problems.push(...own);
  return topology;
}

function sourceOf(given: DataLayerOptions<Tables>['topology']): TopologySource {
  if (typeof given === 'string') return fileTopology(given);
  const isSource = typeof given === 'object' && given !== null && 'load' in given;
  return isSource ? given : staticTopology(given);
}
