import type { ErrorCode } from '../errors/meridian-error.ts';
import type { Keyspace, Shard, Topology } from '../topology/topology.ts';

/**
 * How slots, rows and bytes are spread over the shards. Plain data, fit for JSON.
 *
 * @example
 * const report: PlacementReport = await data.admin.placement();
 * const uneven = report.keyspaces.filter(({ skew }) => (skew.rows ?? 1) > 1.2);
 */
export interface PlacementReport {
  /** The topology that it was made from. */
  readonly epoch: number;
  /** Whether rows were counted; else they are the servers' estimates. */
  readonly exact: boolean;
  /** False when a shard did not answer: see its `error`. */
  readonly complete: boolean;
  readonly keyspaces: readonly KeyspacePlacement[];
}

/**
 * The shards of a keyspace, and how evenly it lies on them.
 *
 * @see {@link PlacementReport}
 */
export interface KeyspacePlacement {
  readonly name: string;
  readonly strategy: 'geo' | 'hash';
  /** In the order of the topology. */
  readonly shards: readonly ShardPlacement[];
  readonly skew: PlacementSkew;
}

/**
 * What a shard has of a keyspace.
 *
 * @see {@link PlacementReport}
 */
export interface ShardPlacement {
  readonly shard: string;
  readonly region: string;
  /** Slots that it owns, of its keyspace (hash) or of its region (geo). */
  readonly slots: number;
  /** Rows of all tables but Meridian's own; null when it did not answer. */
  readonly rows: number | null;
  /** Of data and indexes; null when it did not answer. */
  readonly bytes: number | null;
  /** Why it did not answer. */
  readonly error?: ErrorCode;
}

/**
 * The greatest share that a shard has, over its fair share: 1 is even, 2 is twice too much. A fair
 * share of slots is the same for all shards; one of rows and bytes follows from the shard's slots,
 * so that a shard that was given more on purpose may hold more. In a geo keyspace shards are
 * compared within their region only, since where people live is no skew.
 *
 * @see {@link PlacementReport}
 */
export interface PlacementSkew {
  readonly slots: number;
  /** Null when a shard did not answer. */
  readonly rows: number | null;
  readonly bytes: number | null;
}

/** What was found on one shard. */
export type SizeFinding =
  | { readonly rows: number; readonly bytes: number }
  | { readonly error: ErrorCode };

/** Makes the report of what was found on each shard, by name. No I/O. */
export function placementReport(
  topology: Topology,
  findings: ReadonlyMap<string, SizeFinding>,
  exact: boolean,
): PlacementReport {
  const keyspaces = [...topology.keyspaces.values()].map((keyspace) => {
    const slots = slotCounts(keyspace);
    const shards = keyspace.shards.map((shard) =>
      shardPlacement(shard, slots.get(shard.name) ?? 0, findings.get(shard.name)),
    );
    const { name, strategy } = keyspace;
    return { name, strategy, shards, skew: skewOf(strategy, shards) };
  });
  const complete = keyspaces.every(({ shards }) => shards.every(({ error }) => !error));
  return { epoch: topology.epoch, exact, complete, keyspaces };
}

function slotCounts(keyspace: Keyspace): Map<string, number> {
  const maps =
    keyspace.strategy === 'hash' ? [keyspace.slots] : keyspace.regions.map(({ slots }) => slots);
  return new Map(maps.flatMap((map) => Object.entries(map.counts())));
}

function shardPlacement(
  { name: shard, region }: Shard,
  slots: number,
  found: SizeFinding | undefined,
): ShardPlacement {
  const place = { shard, region: region.name, slots };
  if (found === undefined) throw new TypeError('every shard was asked');
  return 'error' in found
    ? { ...place, rows: null, bytes: null, error: found.error }
    : { ...place, rows: found.rows, bytes: found.bytes };
}

function skewOf(strategy: Keyspace['strategy'], shards: readonly ShardPlacement[]): PlacementSkew {
  const groups =
    strategy === 'hash'
      ? [shards]
      : [...new Set(shards.map(({ region }) => region))].map((name) =>
          shards.filter(({ region }) => region === name),
        );
  const greatest = (value: (shard: ShardPlacement) => number | null, fair: Weight) => {
    const skews = groups.map((group) => groupSkew(group, value, fair));
    return skews.includes(null) ? null : Math.max(...skews.map(Number));
  };
  return {
    slots:
      greatest(
        ({ slots }) => slots,
        () => 1,
      ) ?? 1,
    rows: greatest(
      ({ rows }) => rows,
      ({ slots }) => slots,
    ),
    bytes: greatest(
      ({ bytes }) => bytes,
      ({ slots }) => slots,
    ),
  };
}

type Weight = (shard: ShardPlacement) => number;

/** A shard without slots has no fair share to be measured by, and is left out. */
function groupSkew(
  group: readonly ShardPlacement[],
  value: (shard: ShardPlacement) => number | null,
  weight: Weight,
): number | null {
  const values = group.map(value);
  if (values.includes(null)) return null;
  const measured = group
    .map((shard, index) => ({ value: Number(values[index]), weight: weight(shard) }))
    .filter((shard) => shard.weight > 0);
  const total = measured.reduce((sum, shard) => sum + shard.value, 0);
  const weights = measured.reduce((sum, shard) => sum + shard.weight, 0);
  if (total === 0) return 1;
  return Math.max(...measured.map((shard) => shard.value / total / (shard.weight / weights)));
}
