import type { ReferenceStatements } from '../mysql/reference-statements.ts';
import { nearestShards } from '../routing/nearest-shards.ts';
import type { Shard, Topology } from '../topology/topology.ts';
import type { ReferenceTable } from './reference-table.ts';
import type { RowSchema } from './row-schema.ts';
import type { TableRuntime } from './table-runtime.ts';

/** What one reference table's reads and writes work with. Built once, when the data layer starts. */
export interface ReferenceRuntime<Schema extends RowSchema = RowSchema>
  extends Omit<TableRuntime<Schema>, 'table'> {
  readonly table: ReferenceTable<string, Schema>;
  readonly broadcast: ReferenceStatements;
  readonly nearest: Nearest;
}

/** All shards in the order in which this process reads them; worked out once a topology. */
export class Nearest {
  readonly region: string | undefined;
  readonly #turn = Math.random();
  #known: { readonly topology: Topology; readonly shards: readonly Shard[] } | undefined;

  constructor(region: string | undefined) {
    this.region = region;
  }

  shards(topology: Topology): readonly Shard[] {
    if (this.#known?.topology !== topology) {
      this.#known = { topology, shards: nearestShards(topology, this.region, this.#turn) };
    }
    return this.#known.shards;
  }
}
