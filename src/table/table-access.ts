import { LookupAccess } from '../directory/lookup-access.ts';
import { type BackfillOptions, backfill } from '../directory/lookup-backfill.ts';
import type { CallOptions } from '../execution/call-gate.ts';
import type { Observer } from '../observability/events.ts';
import { movingGroup } from '../relocation/moving-tables.ts';
import { type RelocateOptions, RelocateOwner } from '../relocation/relocate-owner.ts';
import type { Relocations } from '../relocation/relocations.ts';
import { type Explanation, explainRoute } from '../routing/explain.ts';
import { routeKey } from '../routing/router.ts';
import { forwardableKey } from '../rows/forwardable.ts';
import { type ReadOptions, ReadPath } from '../rows/reads/read-path.ts';
import type { Table } from '../rows/schema/define-table.ts';
import type { RowSchema } from '../rows/schema/row-schema.ts';
import type { Tables } from '../rows/schema/row-types.ts';
import type { Untyped } from '../rows/schema/untyped.ts';
import type { TableRegistry } from '../rows/table-registry.ts';
import { type InsertOptions, WritePath } from '../rows/writes/write-path.ts';
import { planInsert } from '../rows/writes/write-plan.ts';
import { EverywhereAccess } from '../scatter/everywhere-access.ts';
import type { EverywhereHandle } from '../scatter/scatter-types.ts';
import type { Place } from '../sharding/places/place.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { OpenTable } from './open-tables.ts';
import { ShardAccess } from './shard-access.ts';
import type { ShardHandle, TableHandle } from './table-types.ts';

type Input = Readonly<Record<string, unknown>>;

/** What every table's handle has. */
type UntypedTable = Untyped<Omit<TableHandle<Table, Tables>, 'at' | 'everywhere'>> & {
  at(key: ShardKey): Untyped<ShardHandle<Table, Tables>>;
  readonly everywhere: Untyped<EverywhereHandle>;
};

/**
 * The handle of one table: hands each call to the path that serves it. An object of functions, so
 * that `ids.map(data.users.explain)` works.
 */
export function tableAccess(
  { runtime, lookups }: OpenTable<RowSchema>,
  registry: TableRegistry,
  relocations: Relocations,
  observe: Observer,
) {
  const reads = new ReadPath(runtime);
  const writes = new WritePath(runtime);
  const { topology, table, forwarding } = runtime;
  const owners = new RelocateOwner(
    runtime,
    reads,
    relocations.relocation,
    () => movingGroup(registry, table),
    observe,
  );
  const byColumn = new Map(
    lookups.all.map((lookup) => [lookup.plan.column, new LookupAccess(runtime, reads, lookup)]),
  );
  const explain = (key: ShardKey): Explanation => {
    const home = routeKey(topology.current, table.keyspace, key);
    const route = forwarding.start(forwardableKey(runtime, key), home);
    return explainRoute(table.name, route, runtime, registry.keptWith(table));
  };
  return Object.freeze({
    get: (key: ShardKey, options?: ReadOptions) => reads.get(key, options),
    getMany: (keys: readonly ShardKey[], options?: ReadOptions) => reads.getMany(keys, options),
    insert: (row: Input, options?: InsertOptions) => writes.insert(row, options),
    insertMany: (rows: readonly Input[], options?: CallOptions) => writes.insertMany(rows, options),
    update: (key: ShardKey, patch: Input, options?: CallOptions) =>
      writes.update(key, patch, options),
    delete: (key: ShardKey, options?: CallOptions) => writes.delete(key, options),
    by: (column: string, value: unknown) =>
      (byColumn.get(column) ?? lookups.refuse(column)).of(value),
    backfill: (column: string, options?: BackfillOptions) =>
      backfill(runtime, lookups.named(column), options),
    newId: (row: Input): unknown =>
      Reflect.get(planInsert(runtime, topology.current, row).row, table.primaryKey),
    relocate: (key: ShardKey, place: Place, options?: RelocateOptions) =>
      owners.relocate(key, place, options),
    at: (key: ShardKey) => new ShardAccess(runtime, registry, reads, key),
    everywhere: new EverywhereAccess(runtime, registry, observe),
    explain,
  } satisfies UntypedTable);
}
