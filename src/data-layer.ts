import { openRedis, type RedisClient, redisReady } from './cache/redis-client.ts';
import { RedisStore } from './cache/redis-store.ts';
import type { DataLayerConfig } from './config/data-layer-options.ts';
import { type DataLayerOptions, readOptions } from './data-layer-options.ts';
import { ConfigError, type Problem } from './errors/config-error.ts';
import { Calls } from './execution/calls.ts';
import { Endpoints } from './execution/endpoints.ts';
import { Executor } from './execution/executor.ts';
import { ensureSystemTables } from './execution/system-tables.ts';
import { verifyShards } from './execution/verify-shards.ts';
import { readTableShapes } from './mysql/table-shape.ts';
import type { Observer } from './observability/events.ts';
import { fanOut } from './observability/fan-out.ts';
import { defaultLogger, pinoObserver } from './observability/pino-observer.ts';
import { createGuard, type Guard, type GuardOptions } from './resilience/create-guard.ts';
import { Deadline } from './resilience/deadline.ts';
import { type DirectoryHandle, directoryHandle } from './table/directory-handle.ts';
import { openDirectory } from './table/open-lookups.ts';
import { checkAllColumns, openTable } from './table/open-tables.ts';
import { systemTableNeeds } from './table/system-table-needs.ts';
import { tableAccess } from './table/table-access.ts';
import type { TablePlan } from './table/table-plan.ts';
import { TableRegistry } from './table/table-registry.ts';
import type { TableHandle, Tables } from './table/table-types.ts';
import type { Shard, Topology } from './topology/topology.ts';
import { TopologyStore } from './topology/topology-store.ts';

interface DataLayerMembers {
  /**
   * A guard round a dependency of yours: bulkhead, breaker, timeout, retry and fallback. The same
   * name gives the same guard, with the options of its first call.
   */
  guard(name: string, options?: Omit<GuardOptions, 'observer'>): Guard;
  /**
   * Admits nothing more, finishes what is under way, then closes every connection. What has not
   * ended after `timeoutMs` (default 10,000), a stream that nobody reads say, is cut off.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** The directory of unique values, as a whole. */
  readonly directory: DirectoryHandle;
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
    const { shapes, system } = await inspectShards(config, topology, plans, executor, observe);
    if (client !== undefined) await awaitRedis(client, config.cache.commandTimeoutMs, observe);
    const { commandTimeoutMs } = config.cache;
    // Two systems may share one Redis, and even names and keys; their rows must not mix.
    const namespace = `${config.cache.namespace}:${system.slice(0, 8)}`;
    const redisStore =
      client && new RedisStore(client, { commandTimeoutMs, leaseMs: 10_000 }, observe);
    const directory = openDirectory(config.directory, plans, {
      topology: store,
      executor,
      observe,
    });
    const shared = {
      topology: store,
      executor,
      calls,
      redis: redisStore,
      namespace,
      observe,
      directory,
    };
    const registry = new TableRegistry();
    const tables = plans.map((plan) => {
      const [shard] = topology.keyspaces.get(plan.table.keyspace)?.shards ?? [];
      const shape = shapes.get(shard?.name ?? '')?.get(plan.table.name);
      if (shape === undefined) throw new TypeError('the shape of every table was checked');
      const runtime = openTable(plan, shape, shared);
      registry.add(plan.label, runtime);
      return [plan.label, tableAccess(runtime, registry, observe)];
    });
    observe({
      type: 'started',
      epoch: topology.epoch,
      shards: topology.shards.size,
      region: config.region,
      durationMs: performance.now() - startedAt,
    });
    const guards = new Map<string, Guard>();
    const members: DataLayerMembers = {
      guard(name, limits) {
        const guard = guards.get(name) ?? createGuard(name, { ...limits, observer: observe });
        guards.set(name, guard);
        return guard;
      },
      directory: directoryHandle(directory, calls),
      close: once(async ({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}) => {
        const closingAt = performance.now();
        const cut = await calls.drain(timeoutMs);
        await directory?.sweeper.close();
        await directory?.writes.close();
        await registry.close();
        await close();
        observe({ type: 'closed', durationMs: performance.now() - closingAt, cut });
      }),
    };
    const { sweepMs } = config.directory ?? {};
    if (sweepMs) directory?.sweeper.start(sweepMs);
    return Object.freeze({ ...Object.fromEntries(tables), ...members });
  } catch (error) {
    await close();
    throw error;
  }
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
    const system = await verifyShards(
      { topology, executor, deadline, systemTables, observe },
      problems,
    );
    if (problems.length === 0) {
      const needs = systemTableNeeds(topology, plans, config.directory?.keyspace);
      await ensureSystemTables({ executor, deadline, systemTables }, needs, problems);
    }
    const keyspaces = new Set(plans.map(({ table }) => table.keyspace));
    const holdsTables = ({ keyspace }: Shard) => keyspaces.has(keyspace);
    const shapes = new Map(
      await Promise.all(
        [...topology.shards.values()].filter(holdsTables).map(
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
    if (problems.length > 0 || system === undefined) {
      throw new ConfigError('The databases do not fit', problems);
    }
    return { shapes, system };
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

/** The first call decides; later ones share its result. */
function once<A, T>(run: (argument?: A) => Promise<T>): (argument?: A) => Promise<T> {
  let result: Promise<T> | undefined;
  return (argument) => {
    result ??= run(argument);
    return result;
  };
}
