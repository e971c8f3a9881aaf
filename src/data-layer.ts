import { hostname } from 'node:os';
import { isPerRegion, RedisRegions } from './cache/redis/redis-regions.ts';
import { OutcomeSweeper } from './commit/outcome-sweeper.ts';
import { closeOnce } from './data-layer-close.ts';
import { type DataLayerOptions, readOptions } from './data-layer-options.ts';
import type { DataLayer, DataLayerMembers } from './data-layer-types.ts';
import { directoryHandle } from './directory/directory-handle.ts';
import { openDirectory } from './directory/open-lookups.ts';
import { ConfigError } from './errors/config-error.ts';
import { CallGate } from './execution/call-gate.ts';
import { Endpoints } from './execution/endpoints.ts';
import { Executor } from './execution/executor.ts';
import { LoadGates } from './execution/load-gates.ts';
import { Forwarding } from './forwarding/forwarding.ts';
import { fanOut } from './observability/fan-out.ts';
import { defaultLogger, pinoObserver } from './observability/pino-observer.ts';
import { readPlacement } from './placement/placement.ts';
import { referenceAccess } from './reference/reference-access.ts';
import { fencedTables } from './relocation/fenced-tables.ts';
import { Moves } from './relocation/moves.ts';
import { keepFence } from './relocation/standing-fence.ts';
import { createGuard, type Guard } from './resilience/create-guard.ts';
import { Deadline } from './resilience/time/deadline.ts';
import { within } from './resilience/time/within.ts';
import { reportUnlawfulReplicas, type Who } from './rows/audited.ts';
import type { Tables } from './rows/schema/row-types.ts';
import { TableRegistry } from './rows/table-registry.ts';
import { callOptionNames } from './table/call-option-names.ts';
import { openReference, openTable } from './table/open-tables.ts';
import { type MakeHandle, sessionsOf } from './table/sessions.ts';
import { tableAccess } from './table/table-access.ts';
import { TopologyStore } from './topology/topology-store.ts';
import { EndpointGate } from './verification/endpoint-gate.ts';
import { areServed, shardsHealth } from './verification/health.ts';
import { ShardInspection } from './verification/shard-inspection.ts';
import { SharedRedis } from './verification/shared-redis.ts';
import { sharedRedisName } from './verification/table-facts.ts';

/**
 * Checks options, topology, tables and the databases themselves, then opens the data layer. Nothing
 * is opened when the options are wrong, and no traffic flows when the databases are not those that
 * the topology means. Databases that are not up yet are waited for, for up to `startupTimeoutMs`.
 *
 * @throws {ConfigError} with every problem that was found; {@link UnavailableError} naming every shard
 * that did not answer in time; {@link AbortedError} when the `signal` fired.
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
  const store = new TopologyStore(topology);
  const { pool, breaker, debugErrors } = config;
  const endpoints = new Endpoints({ ...pool, breaker, debugErrors }, observe);
  const unverified = new Executor(endpoints, config.retry, observe);
  const { systemTables } = config;
  const inspection = new ShardInspection({
    topology,
    plans,
    references,
    executor: unverified,
    systemTables,
    uniqueAcrossShards: config.uniqueAcrossShards,
    sharing: {
      redis:
        redis === false
          ? undefined
          : sharedRedisName(
              config.cache.namespace,
              isPerRegion(redis) ? Object.keys(redis) : undefined,
              topology,
            ),
      directoryKeyspace: config.directory?.keyspace,
      directoryKeys: config.directory?.keys ?? [],
      keepMs: config.idempotency.keepMs,
    },
    expect: (endpoint, identity) => endpoints.expect(endpoint, identity),
    keepFences: (shard, shapes, deadline, problems) =>
      keepFence(
        { executor: unverified, deadline, systemTables },
        shard,
        fencedTables(plans, topology, shard, shapes),
        problems,
      ),
    observe,
  });
  const gate = new EndpointGate(
    [...topology.shards.values()].flatMap(({ primary, replicas }) => [primary, ...replicas]),
    (endpoint, deadline) => inspection.inspectLate(endpoint, deadline),
    observe,
  );
  const executor = new Executor(endpoints, config.retry, observe, gate);
  const calls = new CallGate(config.timeoutMs, callOptionNames);
  const { region, service = `${hostname()}:${process.pid}` } = config;
  const who: Who = { service, processRegion: region };
  const { loadsPerShard, loadQueue } = config.cache;
  const concurrency = loadsPerShard ?? Math.max(1, Math.floor(0.75 * config.pool.connections));
  const gates = new LoadGates({ concurrency, queue: loadQueue }, observe);
  let redisRegions: RedisRegions | undefined;
  let sharedRedis: SharedRedis | undefined;
  const close = async () => {
    await sharedRedis?.close();
    await gate.close();
    await endpoints.close();
    redisRegions?.close();
  };
  const starting = new Deadline(Number.POSITIVE_INFINITY, options.signal);
  try {
    const inspected = await within(config.startupTimeoutMs, starting, (deadline) =>
      config.startup === 'lazy'
        ? inspection.inspectThoseUp(deadline)
        : inspection.inspectAll(deadline),
    );
    gate.open(inspected.endpoints);
    // Two systems may share one Redis, and even names and keys; their rows must not mix.
    const namespace = `${config.cache.namespace}:${inspection.system.slice(0, 8)}`;
    const sharing = new SharedRedis({
      topology: store,
      executor,
      namespace,
      observe,
    });
    sharedRedis = sharing;
    const isCached = [...plans, ...references].some(({ table }) => table.cache !== undefined);
    const regions = new RedisRegions(
      redis,
      {
        region,
        ...config.cache,
        // Who caches nothing changes nothing that others find in their Redis.
        identityOf: isCached ? (of) => sharing.identityOf(of) : undefined,
      },
      observe,
    );
    redisRegions = regions;
    await starting.race(regions.ready());
    const refusals = regions.refusals();
    if (refusals.length > 0) throw new ConfigError('This is another Redis', refusals);
    await within(config.startupTimeoutMs, starting, (deadline) =>
      inspection.record(inspected, deadline),
    );
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
      redis: regions.stores,
      gates,
      who,
      forwarding,
      directory,
      namespace,
      observe,
      maxPacketBytes: () => inspection.maxPacketBytes,
    };
    const registry = new TableRegistry((keyspace) =>
      inspection.rules.effectsOf(topology.keyspaces.get(keyspace)?.shards ?? []),
    );
    const moves = new Moves({ topology: store, executor, calls, registry, forwarding, observe });
    const tables = plans.map((plan) => {
      const runtime = openTable(plan, inspection.shapeOf(plan), shared);
      registry.add(plan.label, runtime);
      const make: MakeHandle = (seen) =>
        tableAccess({ ...runtime, seen }, registry, moves, observe);
      return [plan.label, make] as const;
    });
    reportUnlawfulReplicas(topology, who, observe);
    const referenceTables = references.map((plan) => {
      const runtime = openReference(plan, inspection.shapeOf(plan), config.region, shared);
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
    sharing.watch();
    const keyspaces = new Set(plans.map(({ table }) => table.keyspace));
    const outcomes = new OutcomeSweeper({
      topology: store,
      executor,
      keyspaces,
      ...config.idempotency,
      observe,
    });
    outcomes.watch();
    const guards = new Map<string, Guard>();
    const closing = closeOnce(async (timeoutMs) => {
      const closingAt = performance.now();
      const drained = await calls.drain(timeoutMs);
      await moves.close();
      await outcomes.close();
      await directory?.sweeper.close();
      await directory?.writes.close();
      await registry.close();
      await close();
      const report = { ...drained, durationMs: performance.now() - closingAt };
      observe({ type: 'closed', ...report });
      return report;
    });
    gate.watch();
    const members: DataLayerMembers = {
      relocations: { sweep: (options) => moves.sweep(options) },
      idempotency: {
        sweep: (options) =>
          calls.run('idempotency.sweep', undefined, options, (deadline) =>
            outcomes.sweep(deadline),
          ),
      },
      placement: (options) =>
        calls.run('placement', undefined, options, (deadline) =>
          readPlacement(executor, store.current, options?.exact ?? false, deadline),
        ),
      guard(name, limits) {
        const guard = guards.get(name) ?? createGuard(name, { ...limits, observer: observe });
        guards.set(name, guard);
        return guard;
      },
      directory: directoryHandle(directory, calls),
      health: () => ({
        ready: !calls.isClosing && areServed(keyspaces, topology, gate),
        closing: calls.isClosing,
        shards: shardsHealth(store.current, endpoints, gate),
        redis: regions.states(),
      }),
      close: closing,
      [Symbol.asyncDispose]: async () => {
        await closing();
      },
    };
    const { sweepMs } = config.directory ?? {};
    if (sweepMs) directory?.sweeper.start(sweepMs);
    const all = [...tables, ...referenceTables];
    const handles = Object.fromEntries(all.map(([label, make]) => [label, make(undefined)]));
    return Object.freeze({ ...handles, session: sessionsOf(all), ...members });
  } catch (error) {
    await close();
    throw error;
  } finally {
    starting.end();
  }
}
