import type { Forwardable } from '../forwarding/redirects.ts';
import { uuidFromBytes } from '../sharding/ids/uuid.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { RowKey } from './row-codec.ts';
import type { RowsRuntime } from './table-runtime.ts';

type Runtime = Pick<RowsRuntime, 'table' | 'forwarding'>;

/** Names whatever is where nobody moves. */
const nobody: Forwardable = { table: '', owners: '', id: '' };

/** A row as redirects name it. */
export function forwardable(runtime: Runtime, key: RowKey): Forwardable {
  return runtime.forwarding.mayMove ? named(runtime, key.text) : nobody;
}

/** Whom a key of a geographic table locates: an owner, or a row of one. */
export function forwardableKey(runtime: Runtime, key: ShardKey): Forwardable {
  if (!runtime.forwarding.mayMove) return nobody;
  const id = key instanceof Uint8Array ? uuidFromBytes(key) : String(key).toLowerCase();
  return named(runtime, id);
}

/** The owner of a row that is to be stored: whose move would send it elsewhere. */
export function ownerOf(
  { table, forwarding }: Runtime,
  row: Readonly<Record<string, unknown>>,
): Forwardable {
  if (!forwarding.mayMove) return nobody;
  const owners = table.group?.name ?? table.name;
  return { table: owners, owners, id: String(row[table.shardKey]).toLowerCase() };
}

function named({ table: { name, group } }: Runtime, id: string): Forwardable {
  return { table: name, owners: group?.name ?? name, id };
}
