import type { CallGate } from '../execution/call-gate.ts';
import type { DataLayerState, EndpointStateNow } from '../observability/data-layer-state.ts';
import type { Endpoint } from '../topology/topology.ts';
import { areServed } from '../verification/health.ts';
import type { OpenRedis } from './open-redis.ts';
import type { Servers } from './open-servers.ts';
import type { Setup } from './setup.ts';

/** How a data layer is just now, for gauges. No I/O. */
export function stateOf(
  { topology, endpoints, gate }: Servers,
  { regions }: OpenRedis,
  calls: CallGate,
  { plans }: Setup,
): DataLayerState {
  const { current } = topology;
  const endpointState = (endpoint: Endpoint): EndpointStateNow => {
    const { name, shard, role, region } = endpoint;
    const { guard, pool } = endpoints.of(endpoint);
    const { state: breaker, ...admission } = guard.snapshot();
    const isUp =
      breaker === 'closed' &&
      gate.stateOf(endpoint) === 'verified' &&
      !(role === 'primary' && gate.isLockedOut(endpoint));
    return { name, shard, role, region, isUp, breaker, ...admission, ...pool.snapshot() };
  };
  const keyspaces = new Set(plans.map(({ table }) => table.keyspace));
  return {
    ready: !calls.isClosing && areServed(keyspaces, current, gate),
    epoch: current.epoch,
    running: calls.running(),
    endpoints: [...current.shards.values()].flatMap(({ primary, replicas }) =>
      [primary, ...replicas].map(endpointState),
    ),
    redis: regions.states(),
  };
}
