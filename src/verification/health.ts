import type { Endpoints } from '../execution/endpoints.ts';
import type { GuardState } from '../resilience/breaker/breaker.ts';
import type { Endpoint, Shard, Topology } from '../topology/topology.ts';
import type { EndpointFault, EndpointGate, EndpointState } from './endpoint-gate.ts';

/**
 * What a data layer knows of itself and its servers. Plain JSON: no addresses, no credentials.
 *
 * @example
 * const health: Health = data.health();
 * response.writeHead(health.ready ? 200 : 503).end(JSON.stringify(health));
 */
export interface Health {
  /**
   * Whether calls are of use here: it is not closing, and of each keyspace that has tables it has
   * verified a primary. A shard that fails later does not change it, or a shard that is down would
   * take all instances out of service, with the shards that are up.
   */
  readonly ready: boolean;
  readonly closing: boolean;
  /** By name. */
  readonly shards: Readonly<Record<string, ShardHealth>>;
  /** Whether each Redis is used, by its region; `redis` where one is for all. */
  readonly redis: Readonly<Record<string, 'up' | 'down'>>;
}

/**
 * `up`: its primary is used. `down`: the breaker of its primary is open, or it has not let this process in
 * within the last ten seconds: its password was changed, say. `unverified`: it has been down
 * since the data layer started. `refused`: its primary is not what the topology means.
 *
 * @see {@link Health}
 */
export type ShardState = 'up' | 'down' | 'unverified' | 'refused';

/**
 * What is known of a shard and its servers.
 *
 * @see {@link Health}
 */
export interface ShardHealth {
  readonly keyspace: string;
  readonly region: string;
  readonly state: ShardState;
  /** The primary first. */
  readonly endpoints: readonly EndpointHealth[];
}

/**
 * What is known of a server.
 *
 * @see {@link Health}
 */
export interface EndpointHealth {
  readonly name: string;
  readonly role: 'primary' | 'replica';
  readonly region: string;
  readonly state: EndpointState;
  readonly breaker: GuardState;
  /** Statements that run on it now, of this process. */
  readonly running: number;
  /** Statements that wait for a connection. */
  readonly queued: number;
  /** Null when it has not failed since the data layer started. */
  readonly lastFault: EndpointFault | null;
}

/** Whether of each of these keyspaces a primary may be asked. */
export function areServed(
  names: Iterable<string>,
  { keyspaces }: Topology,
  gate: EndpointGate,
): boolean {
  return [...names].every((name) =>
    keyspaces.get(name)?.shards.some(({ primary }) => gate.stateOf(primary) === 'verified'),
  );
}

/** How the shards of a topology do, as far as this process knows. No I/O. */
export function shardsHealth(
  { shards }: Topology,
  endpoints: Endpoints,
  gate: EndpointGate,
): Record<string, ShardHealth> {
  const healthOf = (endpoint: Endpoint): EndpointHealth => {
    const { guard } = endpoints.of(endpoint);
    const { state, running, queued } = guard.snapshot();
    return {
      name: endpoint.name,
      role: endpoint.role,
      region: endpoint.region,
      state: gate.stateOf(endpoint),
      breaker: state,
      running,
      queued,
      lastFault: gate.lastFaultOf(endpoint) ?? null,
    };
  };
  const shardHealth = ({ keyspace, region, primary, replicas }: Shard): ShardHealth => {
    const own = healthOf(primary);
    return {
      keyspace,
      region: region.name,
      state: gate.isLockedOut(primary) ? 'down' : stateOf(own),
      endpoints: [own, ...replicas.map(healthOf)],
    };
  };
  return Object.fromEntries([...shards].map(([name, shard]) => [name, shardHealth(shard)]));
}

function stateOf({ state, breaker }: EndpointHealth): ShardState {
  if (state !== 'verified') return state;
  return breaker === 'closed' ? 'up' : 'down';
}
