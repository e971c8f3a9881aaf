import { ConfigError } from '../../errors/config-error.ts';
import { RoutingError } from '../../errors/routing-error.ts';
import type { SqlValue } from '../../mysql/sql/sql.ts';
import { idLocator } from '../../sharding/ids/id-codec.ts';
import { isUuid, uuidFromBytes } from '../../sharding/ids/uuid.ts';
import { hashSlotFor } from '../../sharding/locate-key.ts';
import { canonicalKey, type ShardKey } from '../../sharding/shard-key.ts';
import { conditionColumns } from './owner-parameters.ts';

/** Whose rows a raw change is for: those of the key that `at()` was given, or all on the shard. */
export type ChangeScope = 'owner' | 'shard';

/** The owner on whose shard a raw change runs. */
export interface Owner {
  /** What `at()` was given: the owner's key, or the id of one of its rows. */
  readonly key: ShardKey;
  /** The column that holds the owner's key. */
  readonly column: string;
  readonly keyspace: { readonly code: number; readonly strategy: 'geo' | 'hash' };
  /** Declared columns that hold no owner's key, in upper case. */
  readonly others: ReadonlySet<string>;
  /** Whether that column holds text. */
  readonly holdsText: boolean;
  /** The slots that ids of the owner's rows may name. */
  readonly locators: readonly number[];
}

/**
 * A shard holds the rows of many owners, and a change without a condition is one of them all. So the
 * owner must be among the parameters: as its key, where the text shows its column, or as an id that names
 * its slot, which all of its rows carry.
 *
 * @throws {RoutingError} when it is not, and `scope` does not say that all rows are meant.
 */
export function assertOwnerNamed(
  kind: 'change' | 'definition',
  sql: string,
  params: readonly SqlValue[],
  scope: ChangeScope | undefined,
  owner: Owner,
): void {
  if (scope !== undefined && scope !== 'owner' && scope !== 'shard') {
    throw new ConfigError('Bad call options', [
      { path: 'scope', message: "must be 'owner' or 'shard'" },
    ]);
  }
  if (scope === 'shard') return;
  if (kind === 'change') {
    const columns = conditionColumns(sql);
    if (params.some((value, index) => names(owner, value, columns[index]))) return;
  }
  throw new RoutingError(
    kind === 'definition'
      ? "A definition concerns the rows of every owner on the shard, and this shard alone. Say so with { scope: 'shard' }."
      : `This change would reach the rows of every owner on the shard: the key that at() was given is not among its parameters, at the owner's column and of its type. ` +
          `Add a condition such as \`${owner.column}\` = ?, or say { scope: 'shard' } if all of them are meant.`,
  );
}

function names(
  { key, keyspace, locators, others, holdsText }: Owner,
  value: SqlValue,
  at: string | undefined,
): boolean {
  if (!isKey(value)) return false;
  // To the server a number equals every text that begins with it.
  if (holdsText && (typeof value === 'number' || typeof value === 'bigint')) return false;
  if (identity(value) === identity(key)) {
    // What is no id may be among the parameters by chance, a limit say.
    if (isUuid(value) || value instanceof Uint8Array || (at && !others.has(at))) return true;
  }
  const locator = idLocator(value, keyspace.code);
  if (locator !== undefined) return locators.includes(locator);
  // Of the id of a row the owner is not known, only the slot to which the owner's key is hashed.
  const isRow = keyspace.strategy === 'hash' && idLocator(key, keyspace.code) !== undefined;
  return isRow && locators.includes(hashSlotFor(value, keyspace.code));
}

function isKey(value: SqlValue): value is ShardKey {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed();
    case 'number':
      return Number.isSafeInteger(value);
    case 'object':
      return value instanceof Uint8Array;
    default:
      return typeof value === 'bigint';
  }
}

/** One text for a key in all its forms: a UUID is the same in text and in 16 bytes. */
function identity(key: ShardKey): string {
  if (!(key instanceof Uint8Array)) return `text:${canonicalKey(key)}`;
  return key.length === 16
    ? `text:${uuidFromBytes(key)}`
    : `bytes:${Buffer.from(key).toString('hex')}`;
}
