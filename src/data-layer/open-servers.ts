import { isPerRegion } from '../cache/redis/redis-regions.ts';
import { directoryTable } from '../directory/directory-table.ts';
import type { Call } from '../execution/call.ts';
import { Endpoints } from '../execution/endpoints.ts';
import { Executor } from '../execution/executor.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import { fencedTables } from '../relocation/fenced-tables.ts';
import { keepFence } from '../relocation/standing-fence.ts';
import { within } from '../resilience/time/within.ts';
import { endpointsOf } from '../topology/topology.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import { EndpointGate } from '../verification/endpoint-gate.ts';
import {
  type InspectedShards,
  type KeepFences,
  ShardInspection,
} from '../verification/shard-inspection.ts';
import { type Sharing, sharedRedisName } from '../verification/table-facts.ts';
import type { Parts } from './parts.ts';
import type { Setup } from './setup.ts';
import { systemTableNeeds } from './system-table-needs.ts';

/** The database servers, and what keeps traffic away from those that are not what is meant. */
export interface Servers {
  readonly topology: TopologyStore;
  readonly endpoints: Endpoints;
  readonly inspection: ShardInspection;
  readonly gate: EndpointGate;
  /** Asks no endpoint but those that were verified. */
  readonly executor: Executor;
  /** Asks whichever, to verify it. */
  readonly unverified: Executor;
}

/** Builds what asks the servers. Does no I/O. */
export function openServers(
  setup: Setup,
  topology: TopologyStore,
  upkeep: Upkeep,
  parts: Parts,
): Servers {
  const { config, plans, references, certificates, credentials, observe } = setup;
  const { pool, breaker, debugErrors, retry, systemTables, uniqueAcrossShards } = config;
  const endpoints = parts.add(
    new Endpoints(
      { ...pool, breaker, debugErrors, certificates: certificates.mysql, credentials },
      observe,
    ),
  );
  const unverified = new Executor(endpoints, retry, observe);
  const keepFences: KeepFences = (shard, shapes, call, problems) =>
    keepFence(
      { executor: unverified, deadline: call, systemTables },
      shard,
      fencedTables(plans, call.topology, shard, shapes),
      problems,
    );
  const inspection = new ShardInspection({
    plans,
    references,
    executor: unverified,
    systemTables,
    needs: (snapshot) => systemTableNeeds(snapshot, plans, config.directory?.keyspace),
    placedTables: [directoryTable],
    uniqueAcrossShards,
    sharing: sharingOf(setup),
    expect: (endpoint, identity) => endpoints.expect(endpoint, identity),
    keepFences,
    observe,
  });
  const gate = new EndpointGate(
    endpointsOf(topology.current.shards.values()),
    (endpoint, call) => inspection.inspectLate(endpoint, call),
    upkeep,
    observe,
  );
  const executor = new Executor(endpoints, retry, observe, gate);
  return { topology, endpoints, inspection, gate, executor, unverified };
}

/** Waits for the servers that must be up, inspects them, and lets traffic to those that fit. */
export async function inspectServers(
  { config }: Setup,
  { inspection, gate }: Servers,
  starting: Call,
): Promise<InspectedShards> {
  const inspected = await within(config.startupTimeoutMs, starting, (call) =>
    config.startup === 'lazy' ? inspection.inspectThoseUp(call) : inspection.inspectAll(call),
  );
  gate.open(inspected.endpoints);
  return inspected;
}

/** What all services that share the data must hold alike, as the options have it. */
function sharingOf({ config, topology, redis }: Setup): Sharing {
  const { cache, directory, idempotency } = config;
  const regions = isPerRegion(redis) ? Object.keys(redis) : undefined;
  return {
    redis: redis === false ? undefined : sharedRedisName(cache.namespace, regions, topology),
    directoryKeyspace: directory?.keyspace,
    directoryKeys: directory?.keys ?? [],
    keepMs: idempotency.keepMs,
  };
}
