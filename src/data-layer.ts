import { hostname } from 'node:os';
import { RedisRegions } from './cache/redis/redis-regions.ts';
import type { DataLayerConfig } from './config/data-layer-options.ts';
import { type DataLayerOptions, readOptions } from './data-layer-options.ts';
import { Forwarding } from './distributed/forwarding.ts';
import type { SweptMoves } from './distributed/move-sweeper.ts';
import { OutcomeSweeper, type SweptOutcomes } from './distributed/outcome-sweeper.ts';
import { readPlacement } from './distributed/placement.ts';
import type { PlacementReport } from './distributed/placement-report.ts';
import { ConfigError, type Problem } from './errors/config-error.ts';
import { type CallOptions, Calls } from './execution/calls.ts';
import { Endpoints } from './execution/endpoints.ts';
import { Executor } from './execution/executor.ts';
import { LoadGates } from './execution/load-gates.ts';
import { ensureSystemTables } from './execution/system-tables.ts';
import { verifyShards } from './execution/verify-shards.ts';
import { readTableShapes } from './mysql/table-shape.ts';
import type { Observer } from './observability/events.ts';
import { fanOut } from './observability/fan-out.ts';
import { defaultLogger, pinoObserver } from './observability/pino-observer.ts';
import { createGuard, type Guard, type GuardOptions } from './resilience/create-guard.ts';
import { Deadline } from './resilience/deadline.ts';
import { reportUnlawfulReplicas, type Who } from './table/audited.ts';
import { type DirectoryHandle, directoryHandle } from './table/directory-handle.ts';
import { Moves } from './table/moves.ts';
import { openDirectory } from './table/open-lookups.ts';
import {
  checkAllColumns,
  openReference,
  openTable,
  type SpreadPlan,
  spreadPlans,
} from './table/open-tables.ts';
import { referenceAccess } from './table/reference-access.ts';
import { type MakeHandle, type Session, sessionsOf } from './table/sessions.ts';
import { systemTableNeeds } from './table/system-table-needs.ts';
import { tableAccess } from './table/table-access.ts';
import type { ReferencePlan, RowPlan, TablePlan } from './table/table-plan.ts';
import { TableRegistry } from './table/table-registry.ts';
import type { HandleOf, Tables } from './table/table-types.ts';
import type { Topology } from './topology/topology.ts';
import { TopologyStore } from './topology/topology-store.ts';

export interface PlacementOptions extends CallOptions {
  /**
   * Counts the rows with COUNT(*), one full scan a table: give it the time. Default: the servers'
   * estimates, which cost nothing and may be off by half.
   */
  readonly exact?: boolean;
}

interface DataLayerMembers {
  /**
   * How slots, rows and bytes are spread over the shards, and how evenly. Asks every primary. A shard
   * that does not answer in time has an `error` in the report, which then is not `complete`.
   *
   * @throws {AbortedError}, {@link ClosedError}
   */
  placement(options?: PlacementOptions): Promise<PlacementReport>;
  /**
   * A guard round a dependency of yours: bulkhead, breaker, timeout, retry and fallback. The same
   * name gives the same guard, with the options of its first call.
   */
  guard(name: string, options?: Omit<GuardOptions, 'observer'>): Guard;
  readonly relocations: {
    /**
     * Ends relocations whose process died: forward when the owner had changed sides, else back.
     * Every process does so now and then by itself.
     */
    sweep(options?: CallOptions): Promise<SweptMoves>;
  };
  readonly idempotency: {
    /** Forgets keys that are older than `idempotency.keepMs`. Every process does so now and then by itself. */
    sweep(options?: CallOptions): Promise<SweptOutcomes>;
  };
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
  readonly [Name in keyof T]: HandleOf<T[Name], T>;
} & {
  /**
   * The same tables for one reader: what was written through the session its reads see, and what the
   * sessions before it wrote whose `token` it is given, in whatever process. Rows of shards that were
   * written are read from the primary, past the caches, others as ever.
   *
   * @throws {RoutingError} when this is no token.
   */
  session(token?: string): Session<T>;
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
  const { config, topology, plans, references } = await readOptions(options);
  const { logger, observers = [], redis, locateIp } = options;
  const observe = fanOut([
    ...(logger === false ? [] : [pinoObserver(logger ?? defaultLogger())]),
    ...observers,
  ]);
  const spread = spreadPlans(plans, references, topology);
  const store = new TopologyStore(topology);
  const endpoints = new Endpoints({ ...config.pool, breaker: config.breaker }, observe);
  const executor = new Executor(endpoints, config.retry, observe);
  const calls = new Calls(config.timeoutMs);
  const { region, service = `${hostname()}:${process.pid}` } = config;
  const who: Who = { service, processRegion: region };
  const { loadsPerShard, loadQueue } = config.cache;
  const concurrency = loadsPerShard ?? Math.max(1, Math.floor(0.75 * config.pool.connections));
  const gates = new LoadGates({ concurrency, queue: loadQueue }, observe);
  const redisRegions = new RedisRegions(redis, { region, ...config.cache }, observe);
  const close = async () => {
    await endpoints.close();
    redisRegions.close();
  };
  try {
    const { shapes, system } = await inspectShards(
      config,
      topology,
      { plans, spread, references },
      executor,
      observe,
    );
    await redisRegions.ready();
    // Two systems may share one Redis, and even names and keys; their rows must not mix.
    const namespace = `${config.cache.namespace}:${system.slice(0, 8)}`;
    const directory = openDirectory(config.directory, plans, {
      topology: store,
      executor,
      observe,
    });
    const forwarding = new Forwarding(store, executor);
    const shared = {
      topology: store,
      locateIp,
      executor,
      calls,
      redis: redisRegions.stores,
      gates,
      who,
      forwarding,
      directory,
      namespace,
      observe,
    };
    const registry = new TableRegistry();
    const moves = new Moves({ topology: store, executor, calls, registry, forwarding, observe });
    const shapeOf = (plan: RowPlan) => {
      const [shard] = spread.find((candidate) => candidate.plan === plan)?.shards ?? [];
      const shape = shapes.get(shard?.name ?? '')?.get(plan.table.name);
      if (shape === undefined) throw new TypeError('the shape of every table was checked');
      return shape;
    };
    const tables = plans.map((plan) => {
      const runtime = openTable(plan, shapeOf(plan), shared);
      registry.add(plan.label, runtime);
      const make: MakeHandle = (seen) =>
        tableAccess({ ...runtime, seen }, registry, moves, observe);
      return [plan.label, make] as const;
    });
    reportUnlawfulReplicas(topology, who, observe);
    const referenceTables = references.map((plan) => {
      const runtime = openReference(plan, shapeOf(plan), config.region, shared);
      registry.addReference(plan.label, runtime);
      const make: MakeHandle = (seen) => referenceAccess({ ...runtime, seen });
      return [plan.label, make] as const;
    });
    observe({
      type: 'started',
      epoch: topology.epoch,
      shards: topology.shards.size,
      region,
      durationMs: performance.now() - startedAt,
    });
    moves.watch();
    const outcomes = new OutcomeSweeper({
      topology: store,
      executor,
      keyspaces: new Set(plans.map(({ table }) => table.keyspace)),
      ...config.idempotency,
      observe,
    });
    outcomes.watch();
    const guards = new Map<string, Guard>();
    const members: DataLayerMembers = {
      relocations: { sweep: (options) => moves.sweep(options) },
      idempotency: {
        sweep: (options) => calls.run(options, (deadline) => outcomes.sweep(deadline)),
      },
      placement: (options) =>
        calls.run(options, (deadline) =>
          readPlacement(executor, store.current, options?.exact ?? false, deadline),
        ),
      guard(name, limits) {
        const guard = guards.get(name) ?? createGuard(name, { ...limits, observer: observe });
        guards.set(name, guard);
        return guard;
      },
      directory: directoryHandle(directory, calls),
      close: once(async ({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}) => {
        const closingAt = performance.now();
        const cut = await calls.drain(timeoutMs);
        await moves.close();
        await outcomes.close();
        await directory?.sweeper.close();
        await directory?.writes.close();
        await registry.close();
        await close();
        observe({ type: 'closed', durationMs: performance.now() - closingAt, cut });
      }),
    };
    const { sweepMs } = config.directory ?? {};
    if (sweepMs) directory?.sweeper.start(sweepMs);
    const all = [...tables, ...referenceTables];
    const handles = Object.fromEntries(all.map(([label, make]) => [label, make(undefined)]));
    return Object.freeze({ ...handles, session: sessionsOf(all), ...members });
  } catch (error) {
    await close();
    throw error;
  }
}

interface Plans {
  readonly plans: readonly TablePlan[];
  readonly references: readonly ReferencePlan[];
  readonly spread: readonly SpreadPlan[];
}

/** Asks every shard who it is and what its tables look like. */
async function inspectShards(
  config: DataLayerConfig,
  topology: Topology,
  { plans, spread, references }: Plans,
  executor: Executor,
  observe: Observer,
) {
  const deadline = new Deadline(config.startupTimeoutMs);
  const problems: Problem[] = [];
  try {
    const { systemTables } = config;
    const system = await verifyShards(
      {
        topology,
        executor,
        deadline,
        systemTables,
        referenceTables: new Set(references.map(({ table }) => table.name)),
        observe,
      },
      problems,
    );
    if (problems.length === 0) {
      const needs = systemTableNeeds(topology, plans, config.directory?.keyspace);
      await ensureSystemTables({ executor, deadline, systemTables }, needs, problems);
    }
    const holding = new Set(spread.flatMap(({ shards }) => shards));
    const shapes = new Map(
      await Promise.all(
        [...holding].map(
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
    checkAllColumns(spread, shapes, problems);
    if (problems.length > 0 || system === undefined) {
      throw new ConfigError('The databases do not fit', problems);
    }
    return { shapes, system };
  } finally {
    deadline.end();
  }
}

/** The first call decides; later ones share its result. */
function once<A, T>(run: (argument?: A) => Promise<T>): (argument?: A) => Promise<T> {
  let result: Promise<T> | undefined;
  return (argument) => {
    result ??= run(argument);
    return result;
  };
}
