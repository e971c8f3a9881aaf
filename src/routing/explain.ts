import { endpointLabel } from '../config/endpoint-url.ts';
import type { Endpoint } from '../topology/topology.ts';
import type { Route, RouteReason } from './route.ts';

/** An endpoint without its credentials. */
export interface ExplainedEndpoint {
  readonly name: string;
  readonly role: 'primary' | 'replica';
  readonly region: string;
  /** `host:port/database`. */
  readonly address: string;
}

/**
 * Where a key lives and why. Holds no key, no row and no credentials.
 *
 * @example
 * const { shard, because }: Explanation = data.users.explain(id);
 */
export interface Explanation {
  readonly table: string;
  readonly keyspace: string;
  readonly shard: string;
  readonly region: string;
  readonly residency: 'open' | 'strict';
  readonly slot: number;
  readonly locator: number;
  readonly reason: RouteReason;
  /** The reason in words. */
  readonly because: string;
  readonly endpoints: readonly ExplainedEndpoint[];
  /**
   * The tables whose rows of one owner are always on this row's shard, this one among them: its group.
   * Rows of other tables may be here by chance; a join with them misses rows as soon as slots move.
   */
  readonly keptWith: readonly string[];
  /** The topology that this follows from. */
  readonly epoch: number;
}

const words: Record<RouteReason, string> = {
  id: 'the id carries its slot',
  hash: 'murmur3 of the key gives the slot',
  place: 'the place gives the region',
  forwarded: 'the owner has moved from where the id says',
};

/** Puts a route in words. No I/O. */
export function explainRoute(
  table: string,
  route: Route,
  keptWith: readonly string[] = [table],
): Explanation {
  const { shard } = route;
  return {
    table,
    keyspace: route.keyspace,
    shard: shard.name,
    region: shard.region.name,
    residency: shard.region.residency,
    slot: route.slot,
    locator: route.locator,
    reason: route.reason,
    because: `${words[route.reason]}: slot ${route.slot} is on ${shard.name} in ${shard.region.name}`,
    endpoints: [shard.primary, ...shard.replicas].map(explainEndpoint),
    keptWith,
    epoch: route.topology.epoch,
  };
}

export function explainEndpoint({ name, role, region, address }: Endpoint): ExplainedEndpoint {
  return { name, role, region, address: endpointLabel(address) };
}
