import type { TransactionScope } from '../../commit/transaction-scope.ts';
import { RoutingError } from '../../errors/routing-error.ts';
import type { Call } from '../../execution/call.ts';
import { inChunks } from '../../execution/in-chunks.ts';
import { assertDistinct } from '../../mysql/sql/distinct-columns.ts';
import type { SqlValue } from '../../mysql/sql/sql.ts';
import type { Route } from '../../routing/route.ts';
import { assertOwnerNamed, type ChangeScope, type Owner } from '../../rows/raw/change-scope.ts';
import { hiddenChange } from '../../rows/raw/hidden-changes.ts';
import { assertParameterForms } from '../../rows/raw/parameter-forms.ts';
import { assertRead, assertWrite } from '../../rows/raw/raw-statement.ts';
import { decoderOf } from '../../rows/reads/result-codec.ts';
import { routePrimaryKey } from '../../rows/route-row.ts';
import type { RowSchema, Table } from '../../rows/schema/define-table.ts';
import type { QueryRow, Tables, Touches } from '../../rows/schema/row-types.ts';
import type { Untyped } from '../../rows/schema/untyped.ts';
import type { TableRegistry, TouchedKeys } from '../../rows/table-registry.ts';
import type { TableRuntime } from '../../rows/table-runtime.ts';
import { placeOwnId } from '../../rows/writes/place-own-id.ts';
import type { PlannedChange } from '../../rows/writes/planned-write.ts';
import type { IndexedTransaction } from '../../rows/writes/row-index.ts';
import { planDelete, planInsert, planUpdate } from '../../rows/writes/write-plan.ts';
import type { ShardKey } from '../../sharding/shard-key.ts';
import type { LockOptions, Transaction, TransactionTable } from './transaction-types.ts';

type AnyTransaction = Transaction<string, Tables>;
type Input = Readonly<Record<string, unknown>>;

/** What the body of a transaction works with. Remembers the cached rows that it touched. */
export class TransactionAccess {
  readonly #scope: TransactionScope;
  readonly #registry: TableRegistry;
  readonly #route: Route;
  readonly #owner: Owner;
  readonly #call: Call;
  readonly #touched = new Map<TableRuntime, Set<string>>();
  readonly #homes = new Set<string>();
  #hasWritten = false;
  readonly #indexed = new Map<TableRuntime, IndexedTransaction>();

  constructor(
    scope: TransactionScope,
    registry: TableRegistry,
    route: Route,
    owner: Owner,
    call: Call,
  ) {
    this.#scope = scope;
    this.#registry = registry;
    this.#route = route;
    this.#owner = owner;
    this.#call = call;
  }

  get touched(): TouchedKeys {
    return new Map([...this.#touched].map(([runtime, keys]) => [runtime, [...keys]]));
  }

  /** Whether the body sent a change. */
  get hasWritten(): boolean {
    return this.#hasWritten;
  }

  /** The parts that indexes have in it, of the tables that were written. */
  get indexed(): Iterable<IndexedTransaction> {
    return this.#indexed.values();
  }

  /** The shards that the ids of written rows name. */
  get homes(): ReadonlySet<string> {
    return this.#homes;
  }

  /** The object that the body is given: raw statements, and the tables of the keyspace by name. */
  handle(): object {
    return this.#handleIn(this.#scope);
  }

  #handleIn(scope: TransactionScope): object {
    const tables = this.#registry
      .in(this.#route.keyspace)
      .map(([label, runtime]) => [label, this.#table(scope, runtime)]);
    const { keyspace } = this.#route;
    const { topology } = this.#call;
    const handle = {
      query: (
        sql: string,
        params: readonly SqlValue[] = [],
        options: { schema?: RowSchema } = {},
      ) =>
        scope.operation(() => {
          assertRead(sql, true);
          assertParameterForms('read', sql, params, this.#registry.formsIn(keyspace));
          const decode = decoderOf(options);
          if (hiddenChange(sql, this.#registry.effectsIn(keyspace, topology)) !== undefined)
            this.#hasWritten = true;
          return async () => {
            const { rows, columns } = await scope.run({ sql, params });
            assertDistinct(columns);
            return rows.map(decode);
          };
        }),
      execute: (
        sql: string,
        params: readonly SqlValue[] = [],
        options: { touches?: Touches<Tables>; scope?: ChangeScope } = {},
      ) =>
        scope.operation(() => {
          assertOwnerNamed(assertWrite(sql, true), sql, params, options.scope, this.#owner);
          assertParameterForms('change', sql, params, this.#registry.formsIn(keyspace));
          const touched = this.#registry.touched(keyspace, options.touches);
          for (const [runtime, keys] of touched) this.#touch(runtime, keys);
          this.#notes(this.#registry.homesOf(touched, topology));
          return async () => {
            const { affected, insertId } = await scope.run({ sql, params });
            return { affected, insertId };
          };
        }),
      // What is undone by it stays among what is touched: forgetting more than needed harms nobody.
      savepoint: (body: (nested: object) => Promise<unknown>) =>
        scope.savepoint((inner) => body(this.#handleIn(inner))),
    } satisfies Untyped<Pick<AnyTransaction, 'query' | 'execute' | 'savepoint'>>;
    return { ...Object.fromEntries(tables), ...handle };
  }

  #table(scope: TransactionScope, runtime: TableRuntime) {
    const { codec, statements, table } = runtime;
    const { topology } = this.#call;
    const change = (planned: PlannedChange) => {
      this.#assertSameSlot(planned.home);
      this.#assertUndoable(scope, runtime);
      this.#touch(runtime, [planned.key.text]);
      this.#notes([planned.home.shard.name]);
      return async () => ({ affected: await this.#indexOf(runtime).change(scope, planned) });
    };
    const read = (values: readonly ShardKey[], { forUpdate = false }: LockOptions = {}) => {
      const keys = values.map((value) => {
        this.#assertSameSlot(routePrimaryKey(topology, table, value));
        return codec.key(value);
      });
      const wanted = new Map(keys.map((key) => [key.identity, key.param]));
      // In one order, so that two that lock more rows than one statement takes do so from the same end.
      const sorted = [...wanted].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, param]) => param);
      const select = forUpdate ? statements.lockByKeys : statements.selectByKeys;
      return async () => {
        const found = new Map<string, QueryRow>();
        for (const chunk of inChunks(sorted, runtime.keysPerStatement)) {
          const { rows } = await scope.run(select(chunk));
          for (const raw of rows) {
            const identity = codec.identityOf(raw);
            if (wanted.has(identity)) found.set(identity, codec.decode(raw));
          }
        }
        return keys.map(({ identity }) => found.get(identity) ?? null);
      };
    };
    return {
      get: (value: ShardKey, options?: LockOptions) =>
        scope.operation(() => {
          const readOne = read([value], options);
          return async () => (await readOne())[0] ?? null;
        }),
      getMany: (values: readonly ShardKey[], options?: LockOptions) =>
        scope.operation(() => read(values, options)),
      insert: (input: Input) =>
        scope.operation(() => {
          const planned = planInsert(runtime, topology, input, { within: this.#route });
          this.#assertSameSlot(planned.route);
          this.#assertUndoable(scope, runtime);
          return async () => {
            await placeOwnId(runtime, planned, this.#route, this.#call);
            const placed = planned.at(this.#route);
            this.#touch(runtime, [placed.key.text]);
            this.#notes([(placed.named ?? placed.route).shard.name]);
            await this.#indexOf(runtime).insert(scope, placed);
            return placed.row;
          };
        }),
      update: (value: ShardKey, patch: Input) =>
        scope.operation(() => change(planUpdate(runtime, topology, value, patch))),
      delete: (value: ShardKey) =>
        scope.operation(() => change(planDelete(runtime, topology, value))),
    } satisfies Untyped<TransactionTable<Table>>;
  }

  #indexOf(runtime: TableRuntime): IndexedTransaction {
    let indexed = this.#indexed.get(runtime);
    if (indexed === undefined) {
      indexed = runtime.index.join(this.#scope, this.#route, this.#call);
      this.#indexed.set(runtime, indexed);
    }
    return indexed;
  }

  #notes(homes: readonly string[]): void {
    this.#hasWritten = true;
    for (const home of homes) this.#homes.add(home);
  }

  /** The directory is on other shards, which know nothing of a savepoint here. */
  #assertUndoable(scope: TransactionScope, { table, index }: TableRuntime): void {
    if (scope === this.#scope || index.columns.length === 0) return;
    throw new RoutingError(
      `'${table.name}' has lookups, whose directory can't be undone with a savepoint. Write it outside of the savepoint.`,
      { table: table.name },
    );
  }

  #touch(runtime: TableRuntime, keys: readonly string[]): void {
    if (runtime.cache === undefined) return;
    const touched = this.#touched.get(runtime) ?? new Set();
    for (const key of keys) touched.add(key);
    this.#touched.set(runtime, touched);
  }

  /** Two slots on one shard today may be on two tomorrow; such a transaction would then break. */
  #assertSameSlot(route: Route): void {
    if (route.keyspace === this.#route.keyspace && this.#owner.locators.includes(route.locator))
      return;
    throw new RoutingError(
      `This row lives in slot ${route.locator}, the transaction in slot ${this.#route.locator}. ` +
        'A transaction covers the rows of one shard key; give rows that change together the same one.',
      { keyspace: route.keyspace, slot: route.locator },
    );
  }
}
