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
  /** Whether calls that want one of its role go there at the moment. */
  readonly isAsked: boolean;
  /** Why it is asked, or is not. */
  readonly because: string;
}

/** Knows, for what an explanation says of servers and document, how things are at the moment. */
export interface Explaining {
  readonly topology: { readonly source: string };
  readonly executor: {
    /** Why the endpoint is not asked; undefined where it is. */
    whyNot(endpoint: Endpoint): string | undefined;
  };
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
  /** Those of the shard, the ones too that are not asked. */
  readonly endpoints: readonly ExplainedEndpoint[];
  /**
   * The tables whose rows of one owner are always on this row's shard, this one among them: its group.
   * Rows of other tables may be here by chance; a join with them misses rows as soon as slots move.
   */
  readonly keptWith: readonly string[];
  /** The topology that this follows from. */
  readonly epoch: number;
  readonly revision: number;
  /** Where it came from: `data.topology().source`. */
  readonly source: string;
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
  { topology, executor }: Explaining,
  keptWith: readonly string[] = [table],
): Explanation {
  const { shard } = route;
  const { region } = shard;
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
    endpoints: [
      ...[shard.primary, ...shard.replicas].map((one) =>
        explainEndpoint(one, executor.whyNot(one)),
      ),
      ...shard.unlawfulReplicas.map((one) =>
        explainEndpoint(one, `${one.region} may not hold rows of ${region.name}`),
      ),
    ],
    keptWith,
    epoch: route.topology.epoch,
    revision: route.topology.revision,
    source: topology.source,
  };
}

export function explainEndpoint(
  { name, role, region, address }: Endpoint,
  whyNot: string | undefined,
): ExplainedEndpoint {
  const use = role === 'primary' ? 'takes writes, and reads' : 'takes reads that may come late';
  return {
    ...{ name, role, region, address: endpointLabel(address) },
    isAsked: whyNot === undefined,
    because: whyNot ?? use,
  };
}
