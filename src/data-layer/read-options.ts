import { type GivenRedis, isPerRegion } from '../cache/redis/redis-regions.ts';
import { type DataLayerConfig, parseDataLayerOptions } from '../config/data-layer-config.ts';
import { didYouMean } from '../config/did-you-mean.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import type { Observer } from '../observability/events.ts';
import { type FanOut, fanOut } from '../observability/fan-out.ts';
import { defaultLogger, pinoObserver } from '../observability/pino-observer.ts';
import type { Table } from '../rows/schema/define-table.ts';
import type { ReferenceTable } from '../rows/schema/reference-table.ts';
import { reservedInTransactions, reservedNames } from '../rows/schema/reserved-names.ts';
import type { Tables } from '../rows/schema/row-types.ts';
import {
  planReference,
  planTable,
  type ReferencePlan,
  type TablePlan,
} from '../rows/schema/table-plan.ts';
import type { IpLocator } from '../sharding/places/locate-place.ts';
import { Certificates } from '../tls/certificates.ts';
import { createTopology } from '../topology/create-topology.ts';
import type { Topology } from '../topology/topology.ts';
import { fileTopology, staticTopology, type TopologySource } from '../topology/topology-source.ts';
import type { DataLayerOptions } from './data-layer-options.ts';

/** What the options come to. */
export interface Setup {
  readonly config: DataLayerConfig;
  readonly topology: Topology;
  readonly plans: readonly TablePlan[];
  readonly references: readonly ReferencePlan[];
  readonly redis: GivenRedis;
  readonly certificates: ServerCertificates;
  readonly locateIp: IpLocator | undefined;
  readonly observe: FanOut;
}

/** What connections by TLS go by. */
export interface ServerCertificates {
  readonly mysql: Certificates;
  readonly redis: Certificates;
}

/** Everything that can be checked without opening a connection, all problems in one error. */
export async function readOptions(options: DataLayerOptions<Tables>): Promise<Setup> {
  const problems: Problem[] = [];
  const config = parseDataLayerOptions(options, problems);
  const events: Observer[] = [];
  const certificates = readCertificates(config, (event) => events[0]?.(event), problems);
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
  if (problems.length > 0 || !config || !topology || !certificates) {
    throw new ConfigError('The data layer can not start', problems);
  }
  const { redis, locateIp } = options;
  const observe = observerOf(options);
  events.push(observe);
  return { config, topology, plans, references, redis, certificates, locateIp, observe };
}

function readCertificates(
  config: DataLayerConfig | undefined,
  observe: Observer,
  problems: Problem[],
): ServerCertificates | undefined {
  if (config === undefined) return undefined;
  try {
    return {
      mysql: new Certificates(config.tls.mysql, 'tls.mysql', ({ message }) =>
        observe({ type: 'endpoint-fault', endpoint: 'tls.mysql', message }),
      ),
      redis: new Certificates(config.tls.redis, 'tls.redis', ({ message }) =>
        observe({ type: 'cache-fault', operation: 'connection', message }),
      ),
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

function observerOf({ logger, observers = [] }: DataLayerOptions<Tables>): FanOut {
  return fanOut(
    [...(logger === false ? [] : [pinoObserver(logger ?? defaultLogger())]), ...observers],
    { counts: true },
  );
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
