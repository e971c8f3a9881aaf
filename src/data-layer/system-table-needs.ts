import { commitRecordDefinition } from '../commit/commit-record-table.ts';
import { idempotencyDefinition } from '../commit/idempotency-table.ts';
import { directoryDefinition } from '../directory/directory-table.ts';
import { forwardDefinition, movesDefinition } from '../forwarding/forward-table.ts';
import { factsDefinition } from '../identity/facts-table.ts';
import type { SystemTable } from '../mysql/schema/system-tables.ts';
import type { TablePlan } from '../rows/schema/table-plan.ts';
import type { Topology } from '../topology/topology.ts';
import type { SystemTableNeed } from '../verification/system-tables.ts';

/** Which system tables each shard needs for the tables that are used. */
export function systemTableNeeds(
  topology: Topology,
  plans: readonly TablePlan[],
  directoryKeyspace: string | undefined,
): SystemTableNeed[] {
  const needs = new Map<string, Set<SystemTable>>();
  const need = (keyspace: string, ...tables: SystemTable[]) => {
    const set = needs.get(keyspace) ?? new Set<SystemTable>();
    needs.set(keyspace, set);
    for (const table of tables) set.add(table);
  };
  for (const { table, lookups } of plans) {
    if (lookups.length > 0 && directoryKeyspace !== undefined) {
      need(table.keyspace, commitRecordDefinition);
      need(directoryKeyspace, directoryDefinition);
    }
    need(table.keyspace, idempotencyDefinition);
    // Owners of a geographic keyspace may be moved from one region to another.
    if (topology.keyspaces.get(table.keyspace)?.strategy === 'geo') {
      need(table.keyspace, movesDefinition, forwardDefinition, commitRecordDefinition);
    }
  }
  return [...topology.shards.values()].map((shard) => ({
    shard,
    tables: [factsDefinition, ...(needs.get(shard.keyspace) ?? [])],
  }));
}
