import type { TableShape } from '../mysql/schema/table-shape.ts';
import type { TablePlan } from '../rows/schema/table-plan.ts';
import type { Shard, Topology } from '../topology/topology.ts';
import type { FencedTable } from './fence-triggers.ts';
import { isBinaryId } from './row-copy.ts';

/** The tables of a shard whose owners may leave it: those of geographic keyspaces. */
export function fencedTables(
  plans: readonly TablePlan[],
  topology: Topology,
  { keyspace }: Shard,
  shapes: ReadonlyMap<string, TableShape>,
): FencedTable[] {
  if (topology.keyspaces.get(keyspace)?.strategy !== 'geo') return [];
  return plans.flatMap(({ table: { keyspace: own, name, group, shardKey } }): FencedTable[] => {
    const owner = shapes.get(name)?.columns.get(shardKey);
    if (own !== keyspace || owner === undefined) return [];
    const ownerTable = group?.name ?? name;
    const ownerIsBinary = isBinaryId(owner);
    return [{ table: name, ownerTable, ownerColumn: owner.name, ownerIsBinary }];
  });
}
