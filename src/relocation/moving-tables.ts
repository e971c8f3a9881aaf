import { idempotencyTable } from '../commit/idempotency-table.ts';
import type { Table } from '../rows/schema/define-table.ts';
import type { TableRegistry } from '../rows/table-registry.ts';
import type { TableRuntime } from '../rows/table-runtime.ts';
import type { Group } from './moving-group.ts';
import type { MovedRow } from './relocation-resolution.ts';

/** An operation that is repeated after its owner has moved must meet its own mark there. */
const keysOfOwner = { table: idempotencyTable, primaryKey: 'token', ownerColumn: 'owner' };

/** The tables that move with an owner of this one, itself first, and the keys of its operations. */
export function movingGroup(registry: TableRegistry, owners: Table): Group {
  const entry = ({ name, primaryKey, shardKey }: Table) => ({
    table: name,
    primaryKey,
    ownerColumn: shardKey,
  });
  const members = registry
    .in(owners.keyspace)
    .map(([, { table }]) => table)
    .filter(({ group }) => group?.name === owners.name);
  return [entry(owners), ...members.map(entry), keysOfOwner];
}

/** The groups whose owners may move, by the owners' table. */
export function movingGroups(registry: TableRegistry): ReadonlyMap<string, Group> {
  const owners = moving(registry).filter(({ table }) => table.group === undefined);
  return new Map(owners.map(({ table }) => [table.name, movingGroup(registry, table)]));
}

/** The keyspaces of tables whose owners may move. */
export function movingKeyspaces(registry: TableRegistry): string[] {
  return [...new Set(moving(registry).map(({ table }) => table.keyspace))];
}

/** Makes the caches forget rows that were moved. */
export function forgetMoved(
  registry: TableRegistry,
  keyspace: string,
  rows: readonly MovedRow[],
): Promise<'done' | 'pending'> {
  const touched = registry
    .in(keyspace)
    .map(([, runtime]): [TableRuntime, string[]] => [
      runtime,
      rows.filter(({ table }) => table === runtime.table.name).map(({ id }) => id),
    ]);
  return registry.forget(new Map(touched.filter(([, ids]) => ids.length > 0)));
}

function moving({ tables }: TableRegistry): TableRuntime[] {
  return tables.filter(({ forwarding }) => forwarding.mayMove);
}
