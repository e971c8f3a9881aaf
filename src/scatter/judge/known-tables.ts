import type { HiddenEffects } from '../../rows/raw/hidden-effects.ts';
import type { TableRegistry } from '../../rows/table-registry.ts';
import { endpointsOf, type Topology } from '../../topology/topology.ts';
import { type PlacedTable, placedTable } from './placed-table.ts';

/** The tables that a statement may name, by their names in lower case. */
export interface KnownTables {
  readonly placed: ReadonlyMap<string, PlacedTable>;
  /** Every shard has all rows of these. */
  readonly references: ReadonlySet<string>;
  readonly effects: HiddenEffects;
  /** What the shards' databases are called: another one may have a table of the same name. In lower case. */
  readonly databases: ReadonlySet<string>;
}

interface Kept extends KnownTables {
  readonly topology: Topology;
}

const known = new WeakMap<TableRegistry, Map<string, Kept>>();

/** The tables that a statement in a keyspace may name: the same value until more is known. */
export function knownTables(
  registry: TableRegistry,
  keyspace: string,
  topology: Topology,
): KnownTables {
  const byKeyspace = known.get(registry) ?? new Map<string, Kept>();
  known.set(registry, byKeyspace);
  const effects = registry.effectsIn(keyspace, topology);
  let tables = byKeyspace.get(keyspace);
  if (tables?.effects !== effects || tables.topology !== topology) {
    const shards = topology.keyspaces.get(keyspace)?.shards ?? [];
    const placed = registry.in(keyspace).map(([, runtime]) => placedTable(runtime));
    tables = {
      placed: new Map(placed.map((table) => [table.name.toLowerCase(), table])),
      references: new Set(registry.references.map(({ name }) => name.toLowerCase())),
      effects,
      databases: new Set(endpointsOf(shards).map(({ address }) => address.database.toLowerCase())),
      topology,
    };
    byKeyspace.set(keyspace, tables);
  }
  return tables;
}
