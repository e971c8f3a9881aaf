import { directoryHandle } from '../directory/directory-handle.ts';
import type { CallGate, CallOptions } from '../execution/call-gate.ts';
import { readPlacement } from '../placement/placement.ts';
import type { TopologyFollower } from '../reconfiguration/topology-follower.ts';
import { createGuard } from '../resilience/create-guard.ts';
import type { Guard } from '../resilience/guard-types.ts';
import { areServed, shardsHealth } from '../verification/health.ts';
import { closeOnce } from './close-once.ts';
import type { AdminMembers, DataLayerMembers } from './data-layer-types.ts';
import type { Features } from './open-features.ts';
import type { OpenRedis } from './open-redis.ts';
import type { Servers } from './open-servers.ts';
import type { Parts } from './parts.ts';
import type { Setup } from './setup.ts';

/** What a data layer offers beside its tables. */
export function membersOf(
  { plans, observe }: Setup,
  { topology, executor, endpoints, gate }: Servers,
  { regions }: OpenRedis,
  { directory, relocations, outcomes }: Features,
  follower: TopologyFollower,
  calls: CallGate,
  parts: Parts,
): DataLayerMembers {
  const keyspaces = new Set(plans.map(({ table }) => table.keyspace));
  const guards = new Map<string, Guard>();
  const close = closeOnce(async (timeoutMs) => {
    const closingAt = performance.now();
    const drained = await calls.drain(timeoutMs);
    let durationMs = 0;
    try {
      await parts.close();
    } finally {
      // Also where a part could not be closed: nobody may take this for a data layer at work.
      durationMs = performance.now() - closingAt;
      observe({ type: 'closed', ...drained, durationMs });
    }
    return { ...drained, durationMs };
  });
  const admin: AdminMembers = {
    relocations: { sweep: (options) => relocations.sweep(options) },
    idempotency: {
      sweep: (options) =>
        calls.run('idempotency.sweep', undefined, options, (call) => outcomes.sweep(call)),
    },
    placement: (options) =>
      calls.run('placement', undefined, options, (call) =>
        readPlacement(executor, call.topology, options?.exact ?? false, call),
      ),
    directory: directoryHandle(directory, calls),
  };
  const reload = (options?: CallOptions) =>
    calls.run('reload', undefined, options, (call) => follower.reload(call));
  return {
    ...admin,
    admin: Object.freeze({ ...admin, reload }),
    topology: () => follower.status(),
    guard(name, limits) {
      const guard = guards.get(name) ?? createGuard(name, { ...limits, observer: observe });
      guards.set(name, guard);
      return guard;
    },
    health() {
      const { current } = topology;
      return {
        ready: !calls.isClosing && areServed(keyspaces, current, gate),
        closing: calls.isClosing,
        shards: shardsHealth(current, endpoints, gate),
        redis: regions.states(),
      };
    },
    close,
    [Symbol.asyncDispose]: async () => {
      await close();
    },
  };
}
