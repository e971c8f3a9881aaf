import type { Forwardable } from '../forwarding/forwarding-marks.ts';
import { uuidFromBytes } from '../sharding/ids/uuid.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { RowKey } from './row-codec.ts';
import type { Table } from './schema/define-table.ts';

/** A row as forwarding marks name it. */
export function forwardable({ name, group }: Table, { text }: RowKey): Forwardable {
  return { table: name, owners: group?.name ?? name, id: text };
}

/** Whom a key of a geographic table locates: an owner, or a row of one. */
export function forwardableKey({ name, group }: Table, key: ShardKey): Forwardable {
  const id = key instanceof Uint8Array ? uuidFromBytes(key) : String(key).toLowerCase();
  return { table: name, owners: group?.name ?? name, id };
}

/** The owner of a row that is to be stored: whose move would send it elsewhere. */
export function ownerOf(table: Table, row: Readonly<Record<string, unknown>>): Forwardable {
  const owners = table.group?.name ?? table.name;
  return { table: owners, owners, id: String(row[table.shardKey]).toLowerCase() };
}
