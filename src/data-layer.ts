import { openRedis, type RedisClient, redisReady } from './cache/redis-client.ts';
import { RedisStore } from './cache/redis-store.ts';
import {
  type BreakerOptions,
  type CacheTierOptions,
  type DataLayerConfig,
  type PoolOptions,
  parseDataLayerOptions,
  type RetryOptions,
} from './config/data-layer-options.ts';
import { didYouMean } from './config/did-you-mean.ts';
import type { TopologyDocument } from './config/topology-document.ts';
import { ConfigError, type Problem } from './errors/config-error.ts';
import { Calls } from './execution/calls.ts';
import { Endpoints } from './execution/endpoints.ts';
import { Executor } from './execution/executor.ts';
import { verifyShards } from './execution/verify-shards.ts';
import { readTableShapes } from './mysql/table-shape.ts';
import type { Observer } from './observability/events.ts';
import { fanOut } from './observability/fan-out.ts';
import { defaultLogger, type Logger, pinoObserver } from './observability/pino-observer.ts';
import { createGuard, type Guard, type GuardOptions } from './resilience/create-guard.ts';
import { Deadline } from './resilience/deadline.ts';
import { checkAllColumns, openTable } from './table/open-tables.ts';
import {
  type ReservedName,
  reservedInTransactions,
  reservedNames,
} from './table/reserved-names.ts';
import { TableAccess } from './table/table-access.ts';
import { planTable, type TablePlan } from './table/table-plan.ts';
import { TableRegistry } from './table/table-registry.ts';
import type { TableHandle, Tables } from './table/table-types.ts';
import { createTopology } from './topology/create-topology.ts';
import type { Topology } from './topology/topology.ts';
import { fileTopology, staticTopology, type TopologySource } from './topology/topology-source.ts';
import { TopologyStore } from './topology/topology-store.ts';

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
  /** A pino logger, or `false` for none. Default: warnings and worse to standard error. */
  logger?: Logger | false;
  /** Are told of every event. */
  observers?: Observer[];
}

interface DataLayerMembers {
  /** A guard round a dependency of yours: bulkhead, breaker, timeout, retry and fallback. */
  guard(name: string, options?: Omit<GuardOptions, 'observer'>): Guard;
  /** Admits nothing more, finishes what is under way, then closes every connection. */
  close(): Promise<void>;
}

/** A running data layer: one handle for each table. */
export type DataLayer<T extends Tables> = {
  readonly [Name in keyof T]: TableHandle<T[Name], T>;
} & DataLayerMembers;

/**
 * Checks options, topology, tables and the databases themselves, then opens the data layer. Nothing
 * is opened when the options are wrong, and no traffic flows when the databases are not those that
 * the topology means.
 *
 * @throws {ConfigError} with every problem that was found; {@link UnavailableError} or
 * {@link TimeoutError} when a shard does not answer.
 */
export async function createDataLayer<T extends Tables>(
  options: DataLayerOptions<T>,
): Promise<DataLayer<T>>;
export async function createDataLayer(options: DataLayerOptions<Tables>): Promise<object> {
  const startedAt = performance.now();
  const { config, topology, plans } = await readOptions(options);
  const { logger, observers = [], redis } = options;
  const observe = fanOut([
    ...(logger === false ? [] : [pinoObserver(logger ?? defaultLogger())]),
    ...observers,
  ]);
  const store = new TopologyStore(topology);
  const endpoints = new Endpoints({ ...config.pool, breaker: config.breaker }, observe);
  const executor = new Executor(endpoints, config.retry, observe);
  const calls = new Calls(config.timeoutMs);
  const client = openRedisClient(redis, observe);
  const close = async () => {
    await endpoints.close();
    if (client !== undefined && typeof redis === 'string') client.disconnect();
  };
  try {
    const shapes = await inspectShards(config, topology, plans, executor, observe);
    if (client !== undefined) await awaitRedis(client, config.cache.commandTimeoutMs, observe);
    const { commandTimeoutMs, namespace } = config.cache;
    const redisStore =
      client && new RedisStore(client, { commandTimeoutMs, leaseMs: 10_000 }, observe);
    const shared = { topology: store, executor, calls, redis: redisStore, namespace, observe };
    const registry = new TableRegistry();
    const tables = plans.map((plan): [string, TableAccess] => {
      const [shard] = topology.keyspaces.get(plan.table.keyspace)?.shards ?? [];
      const shape = shapes.get(shard?.name ?? '')?.get(plan.table.name);
      if (shape === undefined) throw new TypeError('the shape of every table was checked');
      const runtime = openTable(plan, shape, shared);
      registry.add(plan.label, runtime);
      return [plan.label, new TableAccess(runtime, registry, observe)];
    });
    observe({
      type: 'started',
      epoch: topology.epoch,
      shards: topology.shards.size,
      region: config.region,
      durationMs: performance.now() - startedAt,
    });
    const members: DataLayerMembers = {
      guard: (name, limits) => createGuard(name, { ...limits, observer: observe }),
      close: once(async () => {
        const closingAt = performance.now();
        await calls.drain();
        await registry.close();
        await close();
        observe({ type: 'closed', durationMs: performance.now() - closingAt });
      }),
    };
    return Object.freeze({ ...Object.fromEntries(tables), ...members });
  } catch (error) {
    await close();
    throw error;
  }
}

interface ReadOptionsResult {
  readonly config: DataLayerConfig;
  readonly topology: Topology;
  readonly plans: readonly TablePlan[];
}

/** Everything that can be checked without opening a connection, all problems in one error. */
async function readOptions(options: DataLayerOptions<Tables>): Promise<ReadOptionsResult> {
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
    return planTable(label, table, topology, problems) ?? [];
  });
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
  return 'load' in given ? given : staticTopology(given);
}

/** Asks every shard who it is and what its tables look like. */
async function inspectShards(
  config: DataLayerConfig,
  topology: Topology,
  plans: readonly TablePlan[],
  executor: Executor,
  observe: Observer,
) {
  const deadline = new Deadline(config.startupTimeoutMs);
  const problems: Problem[] = [];
  try {
    const { systemTables } = config;
    await verifyShards({ topology, executor, deadline, systemTables, observe }, problems);
    const shapes = new Map(
      await Promise.all(
        [...topology.shards.values()].map(
          async ({ name, primary }) =>
            [
              name,
              await executor.run([primary], {
                access: 'read',
                deadline,
                run: (session) => readTableShapes(session, deadline),
              }),
            ] as const,
        ),
      ),
    );
    checkAllColumns(plans, topology, shapes, problems);
    if (problems.length > 0) throw new ConfigError('The databases do not fit', problems);
    return shapes;
  } finally {
    deadline.end();
  }
}

function openRedisClient(
  redis: string | RedisClient | false,
  observe: Observer,
): RedisClient | undefined {
  if (redis === false) return undefined;
  if (typeof redis !== 'string') return redis;
  return openRedis(redis, ({ message }) =>
    observe({ type: 'cache-fault', operation: 'connection', message }),
  );
}

/** A cache that is down must not keep the service from starting; it is told, and goes on without. */
async function awaitRedis(
  client: RedisClient,
  commandTimeoutMs: number,
  observe: Observer,
): Promise<void> {
  if (await redisReady(client, 10 * commandTimeoutMs)) return;
  observe({
    type: 'cache-fault',
    operation: 'connection',
    message: 'Redis is not ready; starting without it',
  });
}

function once<T>(run: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= run();
    return result;
  };
}
