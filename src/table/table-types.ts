import type { BackfillOptions, BackfillResult } from '../directory/lookup-backfill.ts';
import type { CallOptions } from '../execution/call-gate.ts';
import type { SqlValue } from '../mysql/sql/sql.ts';
import type { ReferenceHandle } from '../reference/reference-types.ts';
import type { RelocateOptions, RelocationResult } from '../relocation/relocate-owner.ts';
import type { Explanation } from '../routing/explain.ts';
import type { ChangeScope } from '../rows/raw/change-scope.ts';
import type { ListOptions, QueryOptions, ReaderOptions } from '../rows/reads/query-options.ts';
import type { ReadOptions } from '../rows/reads/read-path.ts';
import type { MemberTable, RowSchema, Table } from '../rows/schema/define-table.ts';
import type { ReferenceTable } from '../rows/schema/reference-table.ts';
import type {
  Key,
  LocatingKey,
  NewRow,
  Patch,
  QueryResult,
  Row,
  Tables,
  Touches,
} from '../rows/schema/row-types.ts';
import type { WriteResult } from '../rows/writes/effects.ts';
import type { InsertOptions } from '../rows/writes/write-path.ts';
import type { EverywhereHandle } from '../scatter/scatter-types.ts';
import type { Place } from '../sharding/places/place.ts';
import type { TransactionOptions } from './transactions/transaction-options.ts';
import type { Transaction } from './transactions/transaction-types.ts';

/**
 * What a raw change touches beside the statement's rows.
 *
 * @example
 * await data.users.at(id).execute("UPDATE users SET name = 'Ada' WHERE id = ?", [uuidToBytes(id)], { touches: { users: [id] } });
 */
export interface ExecuteOptions<All extends Tables> extends CallOptions {
  /** Must be given where a table of the keyspace has a cache. */
  readonly touches?: Touches<All>;
  /**
   * Whose rows are changed. `'owner'`: those of the key that `at()` was given, which must be among the
   * parameters, itself or as the id of one of its rows. `'shard'`: those of every owner on the shard,
   * and of this shard only; definitions such as CREATE need it. Default `'owner'`.
   */
  readonly scope?: ChangeScope;
}

/**
 * The rows of one key, and statements on the one shard where it lives.
 *
 * @example
 * const ada = data.payments.at(account);
 * const [sum] = await ada.query('SELECT SUM(cents) AS sum FROM payments WHERE account = ?', [account]);
 * await ada.transaction(async (trx) => trx.payments.insert({ account, cents: 4_200n }));
 */
export interface ShardHandle<T extends Table, All extends Tables> {
  /** The row with this primary key, if it belongs to the key; else null. Cached like `get`. */
  get(key: Key<T>, options?: ReadOptions): Promise<Row<T> | null>;
  /** Rows in the order of `keys`, null where there is none or it belongs to somebody else. */
  getMany(keys: readonly Key<T>[], options?: ReadOptions): Promise<(Row<T> | null)[]>;
  /** Rows that belong to the key, in the order of their primary keys, page by page. Not cached. */
  list(options?: ListOptions<T>): Promise<Row<T>[]>;
  /**
   * Runs a read. Its parameters are bound on the server, never written into the text.
   *
   * @throws {RoutingError} for a change, for one in a read's clothes (`SETVAL`, `NEXTVAL`), and for what
   * means something only in a transaction: locks (FOR UPDATE) and values of the session
   * (LAST_INSERT_ID, whose number is the `insertId` of `execute`).
   */
  query<Schema extends RowSchema | undefined = undefined>(
    sql: string,
    params?: readonly SqlValue[],
    options?: QueryOptions<Schema>,
  ): Promise<QueryResult<Schema>[]>;
  /**
   * Runs a change. Never sent twice: a lost reply is an {@link UnknownOutcomeError}. An AUTO_INCREMENT
   * number that it made is the `insertId` of the result.
   *
   * @throws {RoutingError} when the owner is not among the parameters, see `scope`; when the statement
   * gives rows instead of a count (RETURNING, ANALYZE UPDATE), or asks for values of the session.
   */
  execute(
    sql: string,
    params?: readonly SqlValue[],
    options?: ExecuteOptions<All>,
  ): Promise<WriteResult>;
  /**
   * Runs `body` in one transaction. It commits when `body` resolves and rolls back when it throws.
   * Rows of the key's slot only: they stay together when shards are added. With `retries` the whole
   * of `body` may run several times, of which one at most is applied.
   *
   * @throws what `body` throws; {@link RolledBackError} when the database rolled it back;
   * {@link UnknownOutcomeError} when the reply to COMMIT was lost and nobody can tell;
   * {@link IdempotencyConflictError}; {@link ClosedError} when `body` ended before its statements.
   */
  transaction<R>(
    body: (trx: Transaction<T['keyspace'], All>) => Promise<R>,
    options?: TransactionOptions,
  ): Promise<R>;
  /** Rows as they arrive; the server is read no faster than you take them. Leaving early ends it. */
  stream<Schema extends RowSchema | undefined = undefined>(
    sql: string,
    params?: readonly SqlValue[],
    options?: QueryOptions<Schema> & ReaderOptions,
  ): AsyncGenerator<QueryResult<Schema>, void, undefined>;
}

/** What a running data layer offers a table by. */
export type HandleOf<T extends Table | ReferenceTable, All extends Tables> = T extends MemberTable
  ? MemberHandle<T, All>
  : T extends Table
    ? TableHandle<T, All>
    : T extends ReferenceTable
      ? ReferenceHandle<T>
      : never;
/**
 * A table of a group's members: they move with their owner, not by themselves.
 *
 * @example
 * const home = await data.addresses.insert({ user_id: id, city: 'Turin' });
 * await data.addresses.update(home.id, { city: 'London' });
 */
export type MemberHandle<T extends Table, All extends Tables> = Omit<
  TableHandle<T, All>,
  'relocate'
>;

/**
 * The names of a table's lookups.
 *
 * @see {@link LookupHandle}
 */
export type LookupOf<T extends Table> = keyof T['lookups'] & keyof Row<T> & string;

/**
 * One unique value, and the row that holds it.
 *
 * @example
 * const ada = await data.users.by('email', 'ada@example.org').get();
 */
export interface LookupHandle<T extends Table> {
  /**
   * The row that holds the value, or null. With both in memory it costs two memory reads.
   *
   * @throws as `get` of the table does; the shard of the directory may be the one that can't answer.
   */
  get(options?: ReadOptions): Promise<Row<T> | null>;
  /** Where the value's entry of the directory lives and why. No I/O, and no value. */
  explain(): Explanation;
}

/**
 * A table of a running data layer.
 *
 * @example
 * const ada = await data.users.insert({ country: 'DE', name: 'Ada' });
 * await data.users.update(ada.id, { name: 'Ada L.' });
 * const [again] = await data.users.getMany([ada.id]);
 * await data.users.delete(ada.id);
 */
export interface TableHandle<T extends Table, All extends Tables> {
  /**
   * The row with this primary key, or null. Reads of one tick travel together.
   *
   * @throws {RoutingError} when the key can't be one of this table; {@link UnavailableError},
   * {@link TimeoutError}, {@link CircuitOpenError} or {@link OverloadError} when its shard can't answer.
   */
  get(key: Key<T>, options?: ReadOptions): Promise<Row<T> | null>;
  /** Rows in the order of `keys`, null where there is none. One statement a shard. */
  getMany(keys: readonly Key<T>[], options?: ReadOptions): Promise<(Row<T> | null)[]>;
  /**
   * Stores a row and returns it as stored.
   *
   * @throws {RowError} when it breaks the schema; {@link ResidencyError} when it may not be placed
   * where its place says; {@link DuplicateKeyError}; {@link UnknownOutcomeError} when the reply was
   * lost and no `idempotencyKey` was given; {@link IdempotencyConflictError} when the key was used for
   * something else.
   */
  insert(row: NewRow<T>, options?: InsertOptions): Promise<Row<T>>;
  /**
   * The id that `insert` would give this row: for a new owner whose transaction also inserts rows of
   * its group, `at(id).transaction(…)`. Nothing is stored and there is no I/O; a row that brings its id
   * keeps it. Of a member whose owner has moved, it names the slot of the owner's id: where the owner is
   * now a shard must be asked, so only `insert` can tell.
   *
   * @throws what `insert` throws before it asks a shard: {@link RowError}, {@link RoutingError},
   * {@link ResidencyError}.
   */
  newId(row: NewRow<T>): Key<T>;
  /**
   * Stores rows, all or none on each shard.
   *
   * @throws {PartialWriteError} when some shards took their rows and others did not.
   */
  insertMany(rows: readonly NewRow<T>[], options?: CallOptions): Promise<Row<T>[]>;
  /**
   * Changes columns of a row. `affected` is 0 when there is no such row.
   *
   * @throws {RoutingError} when the row would have to move; {@link ResidencyError} when a strict
   * region forbids that.
   */
  update(key: Key<T>, patch: Patch<T>, options?: CallOptions): Promise<WriteResult>;
  delete(key: Key<T>, options?: CallOptions): Promise<WriteResult>;
  /**
   * Moves an owner to another region with its whole group (the tables that name this one as their
   * `group`), while reads and writes go on. Its id does not change. Writers of this owner wait for
   * at most `pauseMs`; when it can't be done in that time, nothing has changed.
   *
   * @param place where to; as `place()` of the table gives it.
   * @throws {RelocationError} when the owner is there already, is not known, or is being moved;
   * {@link ResidencyError}; {@link UnknownOutcomeError} when a shard went away in the last moment: it
   * is found out by itself, and reads and writes find the owner meanwhile.
   */
  relocate(
    key: Key<T>,
    place: Place,
    options?: RelocateOptions<Patch<T>>,
  ): Promise<RelocationResult>;
  /**
   * The row that holds a unique value, whatever its shard. Only for columns that `lookups` of the
   * table declares.
   *
   * @throws {RoutingError} when there is no such lookup, or this can't be a value of it.
   */
  by<Lookup extends LookupOf<T>>(
    lookup: Lookup,
    value: NonNullable<Row<T>[Lookup]>,
  ): LookupHandle<T>;
  /**
   * Enters the rows that the directory does not know: those that were there before the lookup was
   * declared or a key was added, and those that raw SQL wrote. Reads the whole table, shard by
   * shard; may run beside traffic, and again. What `by` says before is complete only afterwards.
   *
   * @throws {ResidencyError} beside a strict region, unless `regions` leaves it out.
   */
  backfill(lookup: LookupOf<T>, options?: BackfillOptions): Promise<BackfillResult<Key<T>>>;
  /** The shard where a key lives. @throws {RoutingError} */
  at(key: LocatingKey<T>): ShardHandle<T, All>;
  /** All shards of the table's keyspace. */
  readonly everywhere: EverywhereHandle;
  /** Where a key lives and why. No I/O. @throws {RoutingError} */
  explain(key: LocatingKey<T>): Explanation;
}
