import type { Place } from '../../sharding/places/place.ts';
import { checkDefinition } from './check-definition.ts';
import type { ColumnCodecName } from './column-codec.ts';
import {
  type ReferenceDefinition,
  type ReferenceTable,
  referenceTable,
} from './reference-table.ts';
import type { CachePolicy, ColumnOf, RowOf, RowSchema } from './row-schema.ts';
import { branded } from './table-brand.ts';

export type { CachePolicy, ColumnOf, RowOf, RowSchema } from './row-schema.ts';

/**
 * A column whose values are unique over all shards, so that `by(column, value)` finds the one row
 * that holds one. Null is no value: any number of rows may have none.
 *
 * @example
 * const lookups = { email: { unique: true, normalize: (email: string) => email.toLowerCase() } satisfies LookupRule<string> };
 */
export interface LookupRule<Value = unknown> {
  readonly unique: true;
  /**
   * The form in which values are compared: two with the same form are one value. It must always
   * give the same text for a value; what it gives is not stored in the row. Default: the value.
   */
  // A method, so that a rule of one column is still a rule of columns in general.
  normalize?(value: Value): string;
  /**
   * `false` keeps values in the directory as they are, at most 255 bytes long. Default `true`: only
   * their HMAC under the keys of the option `directory` is kept, which nobody can read back.
   */
  readonly personal?: boolean;
}

/** The lookups of a table, by column. */
export type Lookups<Schema extends RowSchema, Column extends ColumnOf<Schema>> = {
  readonly [Name in Column]: LookupRule<NonNullable<RowOf<Schema>[Name]>>;
};

/**
 * A table whose rows are spread over the shards of a keyspace.
 *
 * @example
 * const payments = defineTable({
 *   name: 'payments', keyspace: 'ledger', primaryKey: 'id', shardKey: 'account',
 *   schema: z.object({ id: z.uuid(), account: z.uuid(), cents: z.bigint() }),
 * });
 */
export interface TableDefinition<
  Name extends string,
  KeyspaceName extends string,
  Schema extends RowSchema,
  PrimaryKey extends ColumnOf<Schema>,
  ShardKey extends ColumnOf<Schema>,
  Lookup extends ColumnOf<Schema> = never,
> {
  /** The table's name in every shard's database. */
  readonly name: Name;
  /** The keyspace of the topology that its rows live in. */
  readonly keyspace: KeyspaceName;
  /** One zod type a column. Plain types only: what is stored is what is read. */
  readonly schema: Schema;
  /** The column that names a row; with `z.uuid()` its ids are made by `insert`. */
  readonly primaryKey: PrimaryKey;
  /** hash keyspaces: the column that places the row. Default: the primary key. */
  readonly shardKey?: ShardKey | undefined;
  /** geo keyspaces: where a new row lives. */
  readonly place?: (row: RowOf<Schema>) => Place;
  /** Codecs for columns whose type does not follow from their zod type. */
  readonly columns?: { readonly [Column in ColumnOf<Schema>]?: ColumnCodecName };
  readonly cache?: CachePolicy<ColumnOf<Schema>>;
  readonly reference?: undefined;
  readonly group?: undefined;
  readonly ownerKey?: undefined;
  /** Columns that are unique over all shards. Needs the option `directory` of `createDataLayer`. */
  readonly lookups?: Lookups<Schema, Lookup>;
}

/**
 * A table whose rows belong to the rows of another, and live where their owner lives.
 *
 * @example
 * const addresses = defineTable({
 *   name: 'addresses', group: users, ownerKey: 'user_id', primaryKey: 'id',
 *   schema: z.object({ id: z.uuid(), user_id: z.uuid(), city: z.string() }),
 * });
 */
export interface MemberDefinition<
  Name extends string,
  Owner extends Table,
  Schema extends RowSchema,
  PrimaryKey extends ColumnOf<Schema>,
  OwnerKey extends ColumnOf<Schema>,
  Lookup extends ColumnOf<Schema> = never,
> extends Pick<
    TableDefinition<Name, string, Schema, PrimaryKey, OwnerKey, Lookup>,
    'name' | 'schema' | 'primaryKey' | 'columns' | 'cache' | 'lookups'
  > {
  /** The table of the owners: `users` owns `addresses`. It is itself no member of a group. */
  readonly group: Owner;
  /** The column that holds the owner's primary key. The table needs an index that begins with it. */
  readonly ownerKey: OwnerKey;
  readonly keyspace?: undefined;
  readonly place?: undefined;
  readonly shardKey?: undefined;
  readonly reference?: undefined;
}

/** What `defineTable` takes: a table of a keyspace, of a group's members, or one that every shard holds. */
type Definition<
  Name extends string,
  KeyspaceName extends string,
  Schema extends RowSchema,
  PrimaryKey extends ColumnOf<Schema>,
  Owner extends Table,
  ShardKey extends ColumnOf<Schema>,
  Lookup extends ColumnOf<Schema>,
> =
  | TableDefinition<Name, KeyspaceName, Schema, PrimaryKey, ShardKey, Lookup>
  | MemberDefinition<Name, Owner, Schema, PrimaryKey, ShardKey, Lookup>
  | ReferenceDefinition<Name, Schema, PrimaryKey>;

/** What `defineTable` gives: the kind follows from whether a keyspace, a group or neither was named. */
type Defined<
  Name extends string,
  KeyspaceName extends string,
  Schema extends RowSchema,
  PrimaryKey extends string,
  Owner extends Table,
  ShardKey extends string,
  Lookup extends string,
> = [KeyspaceName] extends [never]
  ? [Owner] extends [never]
    ? ReferenceTable<Name, Schema, PrimaryKey>
    : MemberTable<Owner, Name, Schema, PrimaryKey, ShardKey, Lookup>
  : Table<Name, KeyspaceName, Schema, PrimaryKey, ShardKey, Lookup>;

/**
 * A defined table; give it to `createDataLayer`.
 *
 * @see {@link TableDefinition}
 */
export interface Table<
  Name extends string = string,
  KeyspaceName extends string = string,
  Schema extends RowSchema = RowSchema,
  PrimaryKey extends string = string,
  ShardKey extends string = string,
  Lookup extends string = string,
> {
  readonly name: Name;
  readonly keyspace: KeyspaceName;
  readonly schema: Schema;
  readonly primaryKey: PrimaryKey;
  readonly shardKey: ShardKey;
  /** The table of the owners, where this one is a member of a group. */
  readonly group?: Table;
  // A method, so that a table of one row type is still a `Table` of rows in general.
  place?(row: RowOf<Schema>): Place;
  readonly columns: Readonly<Record<string, ColumnCodecName | undefined>>;
  readonly cache: CachePolicy | undefined;
  /** The columns that are unique over all shards. */
  readonly lookups: { readonly [Name in Lookup]: LookupRule };
}

/**
 * A table whose rows belong to those of another.
 *
 * @see {@link MemberDefinition}
 */
export type MemberTable<
  Owner extends Table = Table,
  Name extends string = string,
  Schema extends RowSchema = RowSchema,
  PrimaryKey extends string = string,
  OwnerKey extends string = string,
  Lookup extends string = string,
> = Table<Name, Owner['keyspace'], Schema, PrimaryKey, OwnerKey, Lookup> & {
  readonly group: Owner;
};

/**
 * Declares a table: its keyspace, key, columns and cache policy. Does no I/O; everything is checked
 * against the topology and the databases by `createDataLayer`.
 *
 * @throws {ConfigError} naming every part that is missing, unknown or no such thing at all.
 *
 * @example
 * const users = defineTable({
 *   name: 'users', keyspace: 'people', primaryKey: 'id',
 *   place: (user) => ({ country: user.country }),
 *   schema: z.object({ id: z.uuid(), country: z.string().length(2), name: z.string() }),
 *   columns: { id: 'uuid-binary' },
 *   cache: { ttlMs: 60_000 },
 * });
 *
 * @example
 * const addresses = defineTable({
 *   name: 'addresses', group: users, ownerKey: 'user_id', primaryKey: 'id',
 *   schema: z.object({ id: z.uuid(), user_id: z.uuid(), city: z.string() }),
 * });
 */
export function defineTable<
  const Name extends string,
  Schema extends RowSchema,
  const PrimaryKey extends ColumnOf<Schema>,
  const KeyspaceName extends string = never,
  Owner extends Table = never,
  const ShardKey extends ColumnOf<Schema> = PrimaryKey,
  const Lookup extends ColumnOf<Schema> = never,
>(
  // One signature of all kinds: of overloads a mistake is told of the last one, whichever was meant.
  definition: Definition<Name, KeyspaceName, Schema, PrimaryKey, Owner, ShardKey, Lookup>,
): Defined<Name, KeyspaceName, Schema, PrimaryKey, Owner, ShardKey, Lookup>;
export function defineTable<Schema extends RowSchema>(
  definition: Definition<
    string,
    string,
    Schema,
    ColumnOf<Schema>,
    Table,
    ColumnOf<Schema>,
    ColumnOf<Schema>
  >,
): Table<string, string, Schema> | ReferenceTable<string, Schema> {
  checkDefinition(definition);
  if (definition.reference) return referenceTable(definition);
  const { name, schema, primaryKey, cache } = definition;
  const placement =
    definition.group !== undefined
      ? {
          keyspace: definition.group.keyspace,
          shardKey: definition.ownerKey,
          group: definition.group,
        }
      : {
          keyspace: definition.keyspace,
          shardKey: definition.shardKey ?? primaryKey,
          ...(definition.place !== undefined && { place: definition.place }),
        };
  return branded({
    name,
    schema,
    primaryKey,
    ...placement,
    columns: { ...definition.columns },
    cache,
    lookups: Object.freeze({ ...definition.lookups }),
  });
}
