import type { z } from 'zod';
import type { RowOf, RowSchema, Table } from './define-table.ts';
import type { ReferenceTable } from './reference-table.ts';
import type { Flat } from './row-schema.ts';

/**
 * The tables of a data layer, by the name under which it offers them.
 *
 * @example
 * const tables = { users, payments } satisfies Tables;
 * await createDataLayer({ ...options, tables });
 */
export type Tables = Readonly<Record<string, Table | ReferenceTable>>;

/**
 * A row as it is stored.
 *
 * @example
 * function greet(user: Row<typeof users>): string {
 *   return `Hello ${user.name}`;
 * }
 */
export type Row<T extends Table> = Flat<Readonly<z.output<T['schema']>>>;
/**
 * What names a row: the type of its primary key.
 *
 * @example
 * const keyOf = (user: Row<typeof users>): Key<typeof users> => user.id;
 */
export type Key<T extends Table> = Row<T>[T['primaryKey']];
/**
 * What locates rows: a shard key, or an id, which carries its slot.
 *
 * @see {@link TableHandle}
 */
export type LocatingKey<T extends Table> = Row<T>[T['shardKey']] | Key<T>;

type Input<T extends Table> = z.input<T['schema']>;
type Ids = z.ZodUUID | z.ZodGUID;

/**
 * A row to insert: ids are made when they are left out.
 *
 * @example
 * const ada: NewRow<typeof users> = { country: 'DE', name: 'Ada' };
 * await data.users.insert(ada);
 */
export type NewRow<T extends Table> = T['schema']['shape'][T['primaryKey']] extends Ids
  ? Flat<
      Omit<Input<T>, T['primaryKey']> & Partial<Pick<Input<T>, T['primaryKey'] & keyof Input<T>>>
    >
  : Input<T>;

/**
 * Columns to change. The keys can't be: they say where the row is.
 *
 * @example
 * const patch: Patch<typeof users> = { name: 'Ada L.' };
 * await data.users.update(id, patch);
 */
export type Patch<T extends Table> = Flat<Partial<Omit<Input<T>, T['primaryKey'] | T['shardKey']>>>;

/**
 * A row of a raw query, as the driver reads it: BIGINT and DECIMAL as text, times as Date unless they are finer.
 *
 * @example
 * const rows: QueryRow[] = await data.users.at(id).query('SELECT name FROM users WHERE id = ?', [uuidToBytes(id)]);
 */
export type QueryRow = Readonly<Record<string, unknown>>;

/**
 * The rows of a statement: as its `schema` says, else as the driver reads them.
 *
 * @see {@link QueryOptions}
 */
export type QueryResult<Schema> = Schema extends RowSchema ? RowOf<Schema> : QueryRow;

/**
 * The cached rows that a raw change may touch: their keys by table, or `'none'`.
 *
 * @example
 * const touches: Touches<typeof tables> = { users: [id] };
 * await data.users.at(id).execute("UPDATE users SET name = 'Ada' WHERE id = ?", [uuidToBytes(id)], { touches });
 */
export type Touches<All extends Tables> =
  | 'none'
  | {
      readonly [Name in keyof All as All[Name] extends ReferenceTable
        ? never
        : Name]?: readonly Key<Extract<All[Name], Table>>[];
    };
