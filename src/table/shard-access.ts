import type { CallOptions } from '../execution/calls.ts';
import { runTransaction } from '../execution/transaction.ts';
import type { SqlValue } from '../mysql/sql.ts';
import { Deadline } from '../resilience/deadline.ts';
import { endpointOrder } from '../routing/endpoint-order.ts';
import type { Route } from '../routing/route.ts';
import type { RowSchema } from './define-table.ts';
import { assertRead, assertWrite } from './raw-statement.ts';
import { decoderOf } from './result-codec.ts';
import type { TableRegistry, TouchedKeys } from './table-registry.ts';
import type { TableRuntime } from './table-runtime.ts';
import type { QueryOptions, QueryRow, Tables, Touches } from './table-types.ts';
import { thenForget } from './then-forget.ts';
import { writeToken } from './token.ts';
import { TransactionAccess } from './transaction-access.ts';
import type { WriteResult } from './write-path.ts';

type Params = readonly SqlValue[];
type RawQueryOptions = QueryOptions<RowSchema | undefined>;

/** Raw statements, streams and transactions on the shard of one key. */
export class ShardAccess {
  readonly #runtime: TableRuntime;
  readonly #registry: TableRegistry;
  readonly #route: Route;

  constructor(runtime: TableRuntime, registry: TableRegistry, route: Route) {
    this.#runtime = runtime;
    this.#registry = registry;
    this.#route = route;
  }

  async query(
    sql: string,
    params: Params = [],
    options: RawQueryOptions = {},
  ): Promise<QueryRow[]> {
    assertRead(sql);
    const { executor, calls } = this.#runtime;
    const decode = decoderOf(options);
    const endpoints = endpointOrder(this.#route.shard, options.consistency ?? 'primary', 0);
    const { rows } = await calls.run(options, (deadline) =>
      executor.runStatement(endpoints, { sql, params }, 'read', deadline),
    );
    return rows.map(decode);
  }

  async execute(
    sql: string,
    params: Params = [],
    options: CallOptions & { touches?: Touches<Tables> } = {},
  ): Promise<WriteResult> {
    assertWrite(sql, false);
    const touched = this.#registry.touched(this.#route.keyspace, options.touches);
    const { shard } = this.#route;
    const { executor, calls } = this.#runtime;
    return calls.run(options, async (deadline) => {
      const write = executor.runStatement([shard.primary], { sql, params }, 'write', deadline);
      const { result, invalidation } = await this.#andForget(write, () => touched);
      return {
        affected: result.affected,
        token: writeToken(shard.name, result.gtid),
        invalidation,
      };
    });
  }

  transaction<R>(body: (trx: object) => Promise<R>, options: CallOptions = {}): Promise<R> {
    const { executor, calls } = this.#runtime;
    const { shard } = this.#route;
    return calls.run(options, async (deadline) => {
      let access: TransactionAccess | undefined;
      const write = runTransaction(executor, shard.primary, deadline, async (scope) => {
        access = new TransactionAccess(scope, this.#registry, this.#route, deadline);
        const value = await body(access.handle());
        access.lookups.assertIntact();
        return value;
      });
      const { result } = await this.#andForget(
        write.then(
          async (committed) => {
            await access?.lookups.committed();
            return committed;
          },
          async (error: unknown) => {
            await access?.lookups.failed(error);
            throw error;
          },
        ),
        () => access?.touched ?? new Map(),
        async () => (await access?.lookups.forget()) ?? 'done',
      );
      return result.value;
    });
  }

  #andForget<T>(
    write: Promise<T>,
    touched: () => TouchedKeys,
    forgetValues: () => Promise<'done' | 'pending'> = async () => 'done',
  ) {
    const { executor } = this.#runtime;
    return thenForget(
      write,
      async () => {
        const rows = await this.#registry.forget(touched());
        const values = await forgetValues();
        return rows === 'pending' ? rows : values;
      },
      () => executor.quiet(this.#route.shard.primary),
    );
  }

  async *stream(
    sql: string,
    params: Params = [],
    options: RawQueryOptions = {},
  ): AsyncGenerator<QueryRow, void, undefined> {
    assertRead(sql);
    const { executor, calls } = this.#runtime;
    const decode = decoderOf(options);
    const endpoints = endpointOrder(this.#route.shard, options.consistency ?? 'primary', 0);
    const leave = calls.enter();
    try {
      const whole = new Deadline(options.timeoutMs ?? Number.POSITIVE_INFINITY, options.signal);
      try {
        const limits = { openTimeoutMs: calls.timeoutMs, whole };
        const rows = executor.stream(endpoints, { sql, params }, limits, () => {});
        for await (const row of rows) yield decode(row);
      } finally {
        whole.end();
      }
    } finally {
      leave();
    }
  }
}
