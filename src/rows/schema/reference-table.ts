import type { ColumnCodecName } from './column-codec.ts';
import type { CachePolicy, ColumnOf, RowSchema } from './row-schema.ts';
import { branded } from './table-brand.ts';

/**
 * A small table that every shard holds in full, so that any shard's statements can join it.
 *
 * @example
 * const currencies = defineTable({
 *   name: 'currencies', reference: true, primaryKey: 'code',
 *   schema: z.object({ code: z.string().length(3), digits: z.int() }),
 * });
 */
export interface ReferenceDefinition<
  Name extends string,
  Schema extends RowSchema,
  PrimaryKey extends ColumnOf<Schema>,
> {
  /** Every shard of the topology has the whole table: no keyspace, no place, no shard key. */
  readonly reference: true;
  /** The table's name in every shard's database. */
  readonly name: Name;
  /** One zod type a column. Plain types only: what is stored is what is read. */
  readonly schema: Schema;
  /** The column that names a row. Its values are yours, also where they are UUIDs. */
  readonly primaryKey: PrimaryKey;
  /** Codecs for columns whose type does not follow from their zod type. */
  readonly columns?: { readonly [Column in ColumnOf<Schema>]?: ColumnCodecName };
  readonly cache?: CachePolicy<ColumnOf<Schema>>;
  readonly keyspace?: undefined;
  readonly place?: undefined;
  readonly shardKey?: undefined;
  readonly group?: undefined;
  readonly ownerKey?: undefined;
  readonly lookups?: undefined;
}

/**
 * A defined reference table; give it to `createDataLayer`.
 *
 * @see {@link ReferenceDefinition}
 */
export interface ReferenceTable<
  Name extends string = string,
  Schema extends RowSchema = RowSchema,
  PrimaryKey extends string = string,
> {
  readonly reference: true;
  readonly name: Name;
  readonly schema: Schema;
  readonly primaryKey: PrimaryKey;
  readonly columns: Readonly<Record<string, ColumnCodecName | undefined>>;
  readonly cache: CachePolicy | undefined;
}

/** Made by `defineTable({ reference: true, … })`. */
export function referenceTable<Schema extends RowSchema>({
  reference,
  name,
  schema,
  primaryKey,
  columns,
  cache,
}: ReferenceDefinition<string, Schema, ColumnOf<Schema>>): ReferenceTable<string, Schema> {
  return branded({ reference, name, schema, primaryKey, columns: { ...columns }, cache });
}
