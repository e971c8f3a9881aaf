import type { Deadline } from '../resilience/time/deadline.ts';
import { nearestShards } from '../routing/nearest-shards.ts';
import type { ReferenceTable } from '../rows/schema/reference-table.ts';
import type { RowSchema } from '../rows/schema/row-schema.ts';
import type { RowsRuntime } from '../rows/table-runtime.ts';
import { perSnapshot } from '../topology/per-snapshot.ts';
import type { Shard, Topology } from '../topology/topology.ts';
import type { ReferenceStatements } from './reference-statements.ts';

/** What one reference table's reads and writes work with. Built once, when the data layer starts. */
export interface ReferenceRuntime<Schema extends RowSchema = RowSchema>
  extends Omit<RowsRuntime<Schema>, 'table'> {
  readonly table: ReferenceTable<string, Schema>;
  readonly broadcast: ReferenceStatements;
  readonly nearest: Nearest;
  readonly turns: WriteTurns;
}

/**
 * Writers of one process wait for each other here. On the first shard each would hold a connection
 * while it waits, and soon there were none left for reads.
 */
export class WriteTurns {
  #last: Promise<void> = Promise.resolve();

  async take<T>(deadline: Deadline, work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const done = deadline.race(before).then(work);
    // Who gives up does not let the next one past those who were before it.
    this.#last = Promise.allSettled([before, done]).then(() => undefined);
    return done;
  }
}

/** All shards in the order in which this process reads them; worked out once a topology. */
export class Nearest {
  readonly region: string | undefined;
  readonly shards: (topology: Topology) => readonly Shard[];

  constructor(region: string | undefined) {
    const turn = Math.random();
    this.region = region;
    this.shards = perSnapshot((topology) => nearestShards(topology, region, turn));
  }
}
