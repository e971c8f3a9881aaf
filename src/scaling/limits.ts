import { instancesForLatency, type LatencyTarget } from './queueing.ts';
import { instancesAt } from './required-instances.ts';
import { instancesByLaw, mostInstancesOf, type ScalabilityLaw } from './scalability.ts';

/**
 * How many instances the connections of each shard allow.
 *
 * @example
 * const budget: ConnectionBudget = { poolPerInstance: 10, shards: { 'eu-1': { maxConnections: 500, reserve: 20 } } };
 * createScaler({ maxLoadPerInstance: 400, leadTimeMs: 600_000, budget });
 */
export interface ConnectionBudget {
  /** Connections that one instance opens to each shard: `pool.connections` of its data layer; one more where owners may move. */
  readonly poolPerInstance: number;
  /** By shard. */
  readonly shards: Readonly<
    Record<
      string,
      {
        /** `max_connections` of the shard's primary. */
        readonly maxConnections: number;
        /** Connections kept for others: operators, replication, deployments. Default 10. */
        readonly reserve?: number | undefined;
      }
    >
  >;
}

/** What a number of instances must keep to. */
export interface Limits {
  readonly maxLoadPerInstance: number;
  readonly minInstances: number;
  readonly maxInstances?: number | undefined;
  readonly latency?: LatencyTarget | undefined;
  readonly law?: ScalabilityLaw | undefined;
  readonly budget?: ConnectionBudget | undefined;
}

/**
 * What keeps a number of instances down.
 *
 * @see {@link Recommendation}
 */
export interface Cap {
  readonly instances: number;
  /** As a person would say it. */
  readonly because: string;
}

/** The fewest instances that carry a load. */
export function instancesFor(config: Limits, load: number): number {
  if (config.law !== undefined) return instancesByLaw(config.law, load);
  return instancesAt(load / config.maxLoadPerInstance);
}

/** The fewest instances that a load may be left to, and whether latency asks for them. */
export function floorOf(config: Limits, load: number, cap: Cap | undefined): number {
  const { minInstances, latency } = config;
  if (latency === undefined) return minInstances;
  return Math.max(minInstances, instancesForLatency(load, latency, cap?.instances));
}

/** The lowest cap; undefined when there is none. */
export function capOf({
  maxInstances,
  law,
  budget,
}: Pick<Limits, 'maxInstances' | 'law' | 'budget'>): Cap | undefined {
  const caps: Cap[] = [];
  if (maxInstances !== undefined)
    caps.push({ instances: maxInstances, because: `maxInstances is ${maxInstances}` });
  const most = law === undefined ? Number.POSITIVE_INFINITY : mostInstancesOf(law);
  if (Number.isFinite(most)) {
    const brings = law?.kappa === 0 ? 'brings next to nothing' : 'takes more than it brings';
    caps.push({ instances: most, because: `past ${most} instances another one ${brings}` });
  }
  for (const [shard, { maxConnections, reserve = 10 }] of Object.entries(budget?.shards ?? {})) {
    const pool = budget?.poolPerInstance ?? 1;
    const instances = Math.floor((maxConnections - reserve) / pool);
    caps.push({
      instances,
      because: `shard '${shard}' takes ${maxConnections} connections, of which ${reserve} are kept, and each instance opens ${pool}`,
    });
  }
  return caps.reduce<Cap | undefined>(
    (least, cap) => (least === undefined || cap.instances < least.instances ? cap : least),
    undefined,
  );
}
