import { commitRecordTable } from '../commit/commit-record-table.ts';
import { OutcomeSweeper } from '../commit/outcome-sweeper.ts';
import { type OpenDirectory, openDirectory } from '../directory/open-lookups.ts';
import type { CallGate } from '../execution/call-gate.ts';
import { LoadGates } from '../execution/load-gates.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import { Forwarding } from '../forwarding/forwarding.ts';
import { referenceAccess } from '../reference/reference-access.ts';
import { Relocations } from '../relocation/relocations.ts';
import { reportUnlawfulReplicas } from '../rows/audited.ts';
import { TableRegistry } from '../rows/table-registry.ts';
import { openReference, openTable, type SharedParts } from '../table/open-tables.ts';
import type { MakeHandle } from '../table/sessions.ts';
import { tableAccess } from '../table/table-access.ts';
import type { OpenRedis } from './open-redis.ts';
import type { Servers } from './open-servers.ts';
import type { Parts } from './parts.ts';
import type { Setup } from './setup.ts';

/** What a running data layer offers, over servers that were verified. */
export interface Features {
  /** What makes the handle of each table, by label. */
  readonly handles: readonly (readonly [label: string, make: MakeHandle])[];
  readonly directory: OpenDirectory | undefined;
  readonly relocations: Relocations;
  readonly outcomes: OutcomeSweeper;
}

/** Builds tables and what ends the work of processes that died. Does no I/O. */
export function openFeatures(
  setup: Setup,
  servers: Servers,
  redis: OpenRedis,
  calls: CallGate,
  upkeep: Upkeep,
  parts: Parts,
): Features {
  const { config, plans, who, locateIp, observe } = setup;
  const { topology, executor, inspection } = servers;
  const { current } = topology;
  const directory = openDirectory(config.directory, plans, { executor, upkeep, observe });
  const forwarding = new Forwarding(executor, commitRecordTable);
  const shared: SharedParts = {
    topology,
    locateIp,
    executor,
    calls,
    redis: redis.regions.stores,
    gates: loadGatesOf(setup),
    who,
    forwarding,
    directory,
    namespace: redis.namespace,
    observe,
    maxPacketBytes: () => inspection.maxPacketBytes,
  };
  const registry = parts.add(
    new TableRegistry((keyspace, { keyspaces }) =>
      inspection.rules.effectsOf(keyspaces.get(keyspace)?.shards ?? []),
    ),
  );
  // What it does behind its callers' backs ends before the caches close.
  if (directory !== undefined) parts.add(directory.writes);
  const relocations = new Relocations({
    executor,
    upkeep,
    calls,
    registry,
    observe,
    connections: config.pool.connections,
  });
  forwarding.resolveWith((shard, slot, call) => relocations.sweepShard(shard, slot, call));
  const outcomes = new OutcomeSweeper({
    executor,
    upkeep,
    keyspaces: new Set(plans.map(({ table }) => table.keyspace)),
    ...config.idempotency,
    observe,
  });
  const handles = openHandles(setup, servers, shared, registry, relocations);
  reportUnlawfulReplicas(current, who, observe);
  return { handles, directory, relocations, outcomes };
}

/** What makes the handle of each table; their runtimes are in the registry from here on. */
function openHandles(
  { plans, references, who, observe }: Setup,
  { topology, inspection }: Servers,
  shared: SharedParts,
  registry: TableRegistry,
  relocations: Relocations,
): Features['handles'] {
  const { current } = topology;
  const tables = plans.map((plan) => {
    const { runtime, lookups } = openTable(plan, inspection.shapeOf(plan, current), shared);
    registry.add(plan.label, runtime);
    const make: MakeHandle = (seen) =>
      tableAccess({ runtime: { ...runtime, seen }, lookups }, registry, relocations, observe);
    return [plan.label, make] as const;
  });
  const referenceTables = references.map((plan) => {
    const runtime = openReference(
      plan,
      inspection.shapeOf(plan, current),
      who.processRegion,
      shared,
    );
    registry.addReference(plan.label, runtime);
    const make: MakeHandle = (seen) => referenceAccess({ ...runtime, seen });
    return [plan.label, make] as const;
  });
  return [...tables, ...referenceTables];
}

function loadGatesOf({ config: { cache, pool }, observe }: Setup): LoadGates {
  const { loadsPerShard, loadQueue } = cache;
  const concurrency = loadsPerShard ?? Math.max(1, Math.floor(0.75 * pool.connections));
  return new LoadGates({ concurrency, queue: loadQueue }, observe);
}
