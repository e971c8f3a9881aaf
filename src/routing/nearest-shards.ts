import { regionsByDistance } from '../sharding/places/region.ts';
import type { Endpoint, Shard, Topology } from '../topology/topology.ts';
import { type Consistency, endpointOrder } from './endpoint-order.ts';
import { type ExplainedEndpoint, type Explaining, explainEndpoint } from './explain.ts';

/**
 * Which shard answers the reads of a reference table, and why. Holds no key and no credentials.
 *
 * @example
 * const { shard, because }: ReferenceExplanation = data.currencies.explain('EUR');
 */
export interface ReferenceExplanation {
  readonly table: string;
  /** The shard that is asked first. */
  readonly shard: string;
  readonly region: string;
  readonly reason: 'nearest';
  /** The reason in words. */
  readonly because: string;
  /** In the order in which a read tries them. */
  readonly endpoints: readonly ExplainedEndpoint[];
  /** The topology that this follows from. */
  readonly epoch: number;
  readonly revision: number;
  /** Where it came from: `data.topology().source`. */
  readonly source: string;
}

/**
 * All shards, nearest first: those of the process's own region, then those of the other regions by
 * great circle. Within a region by name, but begun at a place that differs from process to process,
 * so that not all of them ask the same shard. Without a region no shard is nearer than another.
 *
 * @param region the process's own, if it is known.
 * @param turn a number from 0 up to 1 that says where to begin.
 */
export function nearestShards(
  { regions, shards }: Topology,
  region: string | undefined,
  turn: number,
): Shard[] {
  const byName = [...shards.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const home = region === undefined ? undefined : regions.get(region);
  if (home === undefined) return rotated(byName, turn);
  const others = [...regions.values()].filter((other) => other !== home);
  return [home, ...regionsByDistance(home.location, others)].flatMap(({ name }) =>
    rotated(
      byName.filter((shard) => shard.region.name === name),
      turn,
    ),
  );
}

/** The endpoints that a read tries, one shard after the other. */
export function nearestEndpoints(
  shards: readonly Shard[],
  consistency: Consistency,
  turn: number,
  here: string | undefined,
): Endpoint[] {
  return shards.flatMap((shard) => endpointOrder(shard, consistency, turn, here));
}

/** Puts the way of a reference table's reads in words. No I/O. */
export function explainNearest(
  table: string,
  shards: readonly Shard[],
  region: string | undefined,
  { epoch, revision }: Topology,
  { topology: { source }, executor }: Explaining,
): ReferenceExplanation {
  const [nearest] = shards;
  if (nearest === undefined) throw new TypeError('a topology has at least one shard');
  // Every region of a topology has shards, so the nearest one is always in the process's own.
  const why =
    region === undefined
      ? 'the process names no region, so any shard will do'
      : `it is in the process's own region ${region}`;
  return {
    table,
    shard: nearest.name,
    region: nearest.region.name,
    reason: 'nearest',
    because: `reference table, nearest shard: every shard has all rows, and ${nearest.name} is read because ${why}`,
    endpoints: nearestEndpoints(shards, 'primary', 0, region).map((one) =>
      explainEndpoint(one, executor.whyNot(one)),
    ),
    ...{ epoch, revision, source },
  };
}

function rotated<T>(items: readonly T[], turn: number): T[] {
  const start = Math.floor(turn * items.length);
  return [...items.slice(start), ...items.slice(0, start)];
}
