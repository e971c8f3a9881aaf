import { UnknownOutcomeError } from '../errors/database-error.ts';
import type { Call } from '../execution/call.ts';
import type { CallOptions } from '../execution/call-gate.ts';
import { whileRead } from '../execution/patient-reader.ts';
import { streamRows } from '../execution/row-stream.ts';
import type { Forwardable } from '../forwarding/redirects.ts';
import { assertDistinct } from '../mysql/sql/distinct-columns.ts';
import type { ResultColumn, SqlValue, StatementResult } from '../mysql/sql/sql.ts';
import { endpointOrder } from '../routing/endpoint-order.ts';
import type { Route } from '../routing/route.ts';
import { keyspaceOf, routeKey } from '../routing/router.ts';
import { forwardableKey } from '../rows/forwardable.ts';
import { assertOwnerNamed, type ChangeScope, type Owner } from '../rows/raw/change-scope.ts';
import { assertNoHiddenChange } from '../rows/raw/hidden-changes.ts';
import { assertParameterForms } from '../rows/raw/parameter-forms.ts';
import { assertRead, assertWrite } from '../rows/raw/raw-statement.ts';
import { type OwnedListOptions, OwnedRows } from '../rows/reads/owned-rows.ts';
import type { QueryOptions, ReaderOptions } from '../rows/reads/query-options.ts';
import type { ReadOptions, ReadPath } from '../rows/reads/read-path.ts';
import { decoderOf } from '../rows/reads/result-codec.ts';
import type { RowSchema, Table } from '../rows/schema/define-table.ts';
import type { QueryRow, Tables, Touches } from '../rows/schema/row-types.ts';
import type { Untyped } from '../rows/schema/untyped.ts';
import { mustSee } from '../rows/sessions/seen-writes.ts';
import type { TableRegistry } from '../rows/table-registry.ts';
import type { TableRuntime } from '../rows/table-runtime.ts';
import {
  type CountedWrite,
  type Effects,
  resultWithEffects,
  type WriteResult,
} from '../rows/writes/effects.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { ShardHandle } from './table-types.ts';
import { ShardTransaction } from './transactions/shard-transactions.ts';
import type { TransactionOptions } from './transactions/transaction-options.ts';

type Params = readonly SqlValue[];
type RawQueryOptions = QueryOptions<RowSchema | undefined>;
type StreamOptions = RawQueryOptions & ReaderOptions;

/** Rows of one key, raw statements, streams and transactions on the shard where the key is. */
export class ShardAccess implements Untyped<ShardHandle<Table, Tables>> {
  readonly #runtime: TableRuntime;
  readonly #registry: TableRegistry;
  readonly #owned: OwnedRows;
  readonly #key: ShardKey;
  readonly #owner: Forwardable;

  constructor(
    runtime: TableRuntime,
    registry: TableRegistry,
    reads: ReadPath<RowSchema>,
    key: ShardKey,
  ) {
    const { table, topology } = runtime;
    // Refused at once when it can't be a key; where it leads, each call finds by its own snapshot.
    const { reason } = routeKey(topology.current, table.keyspace, key);
    this.#runtime = runtime;
    this.#registry = registry;
    this.#owner = forwardableKey(runtime, key);
    this.#owned = new OwnedRows(runtime, reads, key, reason === 'id');
    this.#key = key;
  }

  get(key: ShardKey, options?: ReadOptions) {
    return this.#owned.get(key, options);
  }

  getMany(keys: readonly ShardKey[], options?: ReadOptions) {
    return this.#owned.getMany(keys, options);
  }

  list(options: OwnedListOptions = {}) {
    return this.#owned.list(options, (statement, call) =>
      this.#read(statement.sql, statement.params, options, call),
    );
  }

  query(sql: string, params: Params = [], options: RawQueryOptions = {}): Promise<QueryRow[]> {
    const { calls, table } = this.#runtime;
    return calls.run('at.query', table.name, options, async (call) => {
      this.#assertRead(sql, params, call);
      const decode = decoderOf(options);
      const { rows, columns } = await this.#read(sql, params, options, call);
      assertDistinct(columns);
      return rows.map(decode);
    });
  }

  execute(
    sql: string,
    params: Params = [],
    options: CallOptions & { touches?: Touches<Tables>; scope?: ChangeScope } = {},
  ): Promise<WriteResult> {
    const { executor, calls, forwarding, seen, table } = this.#runtime;
    return calls.run('at.execute', table.name, options, async (call) => {
      const home = this.#homeIn(call);
      const kind = assertWrite(sql, false);
      assertOwnerNamed(kind, sql, params, options.scope, this.#named(home));
      assertParameterForms('change', sql, params, this.#forms);
      const touched = this.#registry.touched(home.keyspace, options.touches);
      const homes = [home.shard.name, ...this.#registry.homesOf(touched, call.topology)];
      const run = ({ shard }: Route) => {
        const effects: Effects<CountedWrite> = {
          shard: shard.name,
          homes,
          // A definition, or what has triggers, writes without touching a row.
          hasWritten: () => true,
          forget: () => this.#registry.forget(touched),
        };
        const write = executor.runStatement([shard.primary], { sql, params }, 'write', call);
        const attempt = kind === 'change' ? write.then(counted) : write;
        return resultWithEffects(seen, effects, attempt, call);
      };
      // What is for all rows of the shard is done once it was done there.
      const isVoid = options.scope === 'shard' ? () => false : didNothing;
      return forwarding.follow(this.#owner, home, call, run, isVoid);
    });
  }

  transaction<R>(body: (trx: object) => Promise<R>, options: TransactionOptions = {}): Promise<R> {
    const { calls, table } = this.#runtime;
    return calls.run('at.transaction', table.name, options, (call) => {
      const keyed = { key: this.#key, home: this.#homeIn(call), owner: this.#owner };
      return new ShardTransaction(this.#runtime, this.#registry, keyed, call).run(body, options);
    });
  }

  stream(
    sql: string,
    params: Params = [],
    { readerTimeoutMs, ...options }: StreamOptions = {},
  ): AsyncGenerator<QueryRow, void, undefined> {
    const { calls, table } = this.#runtime;
    return calls.stream('at.stream', table.name, options, (whole) => {
      this.#assertRead(sql, params, whole);
      return whileRead(this.#rows(sql, params, options, whole), whole, readerTimeoutMs);
    });
  }

  async *#rows(
    sql: string,
    params: Params,
    options: RawQueryOptions,
    whole: Call,
  ): AsyncGenerator<QueryRow, void, undefined> {
    const { executor, calls } = this.#runtime;
    const decode = decoderOf(options);
    let rows: AsyncGenerator<QueryRow, void, undefined> | undefined;
    let columns: readonly ResultColumn[] = [];
    const home = this.#homeIn(whole);
    try {
      const limits = { openTimeoutMs: calls.timeoutMs, whole };
      const open = async (route: Route) => {
        await rows?.return();
        rows = streamRows(
          executor,
          this.#endpoints(route, options, home),
          { sql, params },
          limits,
          (received) => {
            columns = received;
          },
        );
        // With its first row a statement has taken its view of the data.
        return rows.next();
      };
      const first = await this.#checked(home, whole, open);
      assertDistinct(columns);
      if (first.done || rows === undefined) return;
      yield decode(first.value);
      for await (const row of rows) yield decode(row);
    } finally {
      await rows?.return();
    }
  }

  #read(sql: string, params: Params, options: ReadOptions, call: Call): Promise<StatementResult> {
    const { executor } = this.#runtime;
    const home = this.#homeIn(call);
    return this.#checked(home, call, (route) => {
      const endpoints = this.#endpoints(route, options, home);
      return executor.runStatement(endpoints, { sql, params }, 'read', call);
    });
  }

  /** Where the key's id says that it is. */
  #homeIn({ topology }: Call): Route {
    return routeKey(topology, this.#runtime.table.keyspace, this.#key);
  }

  #assertRead(sql: string, params: Params, { topology }: Call): void {
    const { keyspace } = this.#runtime.table;
    assertRead(sql);
    assertNoHiddenChange(sql, this.#registry.effectsIn(keyspace, topology));
    assertParameterForms('read', sql, params, this.#forms);
  }

  get #forms() {
    return this.#registry.formsIn(this.#runtime.table.keyspace);
  }

  #named(home: Route): Owner {
    const { table, forwarding } = this.#runtime;
    return {
      key: this.#key,
      column: table.shardKey,
      ...this.#registry.ownerColumns(table),
      keyspace: keyspaceOf(home.topology, home.keyspace),
      locators: forwarding.locatorsOf(this.#owner, home),
    };
  }

  #endpoints({ shard }: Route, { consistency = 'primary', token }: ReadOptions, home: Route) {
    const { seen, region } = this.#runtime;
    const isWritten = mustSee(seen, token).concerns(home.topology, home.shard.name, shard.name);
    return endpointOrder(shard, isWritten ? 'primary' : consistency, 0, region);
  }

  /** Runs a read where the key is, and again where it has gone if it left before the answer. */
  #checked<T>(home: Route, call: Call, read: (route: Route) => Promise<T>): Promise<T> {
    return this.#runtime.forwarding.check(this.#owner, home, call, read);
  }
}

/** Nobody can tell from rows whether anything was changed, least of all that nothing was. */
function counted(result: StatementResult): StatementResult {
  if (result.isCounted) return result;
  throw new UnknownOutcomeError(
    'The server answered this change with rows instead of a count, so nobody can tell what it changed. Read back what it was for.',
  );
}

function didNothing({ affected }: WriteResult): boolean {
  return affected === 0;
}
