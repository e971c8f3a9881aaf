import { keyedOperation } from '../../commit/idempotency-key.ts';
import { packResult, unpackResult } from '../../commit/keyed-result.ts';
import { type OnceOutcome, runOnce } from '../../commit/run-once.ts';
import {
  type Committed,
  runTransaction,
  type TransactionConfig,
} from '../../commit/transaction.ts';
import type { TransactionScope } from '../../commit/transaction-scope.ts';
import { RolledBackError } from '../../errors/database-error.ts';
import type { Call } from '../../execution/call.ts';
import type { Forwardable } from '../../forwarding/redirects.ts';
import type { Statement, StatementResult } from '../../mysql/sql/sql.ts';
import type { Route } from '../../routing/route.ts';
import { keyspaceOf } from '../../routing/router.ts';
import type { Owner } from '../../rows/raw/change-scope.ts';
import { assertOwner } from '../../rows/reads/owner-scope.ts';
import type { TableRegistry } from '../../rows/table-registry.ts';
import type { TableRuntime } from '../../rows/table-runtime.ts';
import { withEffects } from '../../rows/writes/effects.ts';
import type { ShardKey } from '../../sharding/shard-key.ts';
import { TransactionAttempt } from './transaction-attempt.ts';
import { checkTransactionOptions, type TransactionOptions } from './transaction-options.ts';

/** For whom transactions are run, and where. */
interface Keyed {
  readonly key: ShardKey;
  readonly home: Route;
  readonly owner: Forwardable;
}

type Body = (trx: object) => Promise<unknown>;

const here = async (route: Route) => route;

/** One transaction on the shard where a key is. */
export class ShardTransaction {
  readonly #runtime: TableRuntime;
  readonly #registry: TableRegistry;
  readonly #keyed: Keyed;
  readonly #call: Call;

  constructor(runtime: TableRuntime, registry: TableRegistry, keyed: Keyed, call: Call) {
    this.#runtime = runtime;
    this.#registry = registry;
    this.#keyed = keyed;
    this.#call = call;
  }

  run<R>(body: (trx: object) => Promise<R>, options: TransactionOptions): Promise<R>;
  async run(body: Body, options: TransactionOptions): Promise<unknown> {
    checkTransactionOptions(options);
    const { primary } = this.#keyed.home.shard;
    return this.#runtime.executor.rerun(primary, options.retries ?? 0, this.#call, () =>
      this.#attempt(body, options),
    );
  }

  async #attempt(body: Body, options: TransactionOptions): Promise<unknown> {
    const { executor } = this.#runtime;
    const deadline = this.#call;
    const route = await this.#place();
    const { primary } = route.shard;
    const work = new TransactionAttempt(this.#registry, route, this.#call, {
      home: this.#keyed.home,
      run: body,
      owner: this.#ownerAt(route),
      unlessMoved: (running) => this.#unlessMoved(route, running),
    });
    const { isolation, idempotencyKey } = options;
    const perform = (
      config: TransactionConfig,
      scoped: (scope: TransactionScope) => Promise<unknown>,
    ) => runTransaction(executor, primary, deadline, scoped, { isolation, ...config });
    const write: Promise<Committed<unknown> | OnceOutcome<unknown>> =
      idempotencyKey === undefined
        ? perform({}, (scope) => work.run(scope))
        : runOnce(
            {
              executor,
              primary,
              deadline,
              operation: this.#operation(idempotencyKey, options.payload, route),
              transact: (scoped, resolve) => perform({ resolve }, scoped),
            },
            async (scope) => {
              const isOwner = () => this.#assertOwner((statement) => scope.run(statement));
              // Its rows may be there before the body, or only after it.
              await isOwner();
              const value = await work.run(scope);
              await isOwner();
              return { value, result: packResult(value) };
            },
          );
    const ended = write.then(
      async (outcome) => {
        // A repetition has changed nothing, whatever it had begun before it met its key.
        const isRepetition = 'repeated' in outcome && outcome.repeated;
        await (isRepetition ? work.failed(undefined) : work.committed());
        return {
          outcome,
          gtid: 'gtid' in outcome ? outcome.gtid : undefined,
          elsewhere: isRepetition ? this.#everyShard() : [],
        };
      },
      async (error: unknown) => {
        await work.failed(error);
        return this.#outOfTheWay(error, route);
      },
    );
    const { written } = await withEffects(this.#runtime.seen, work, ended, deadline);
    const { outcome } = written;
    return 'value' in outcome ? outcome.value : unpackResult(outcome.result);
  }

  async #assertOwner(run: (statement: Statement) => Promise<StatementResult>): Promise<void> {
    const { key, home } = this.#keyed;
    if (home.reason === 'id') await assertOwner(this.#registry.kinOf(this.#runtime), key, run);
  }

  #operation(idempotencyKey: string, payload: unknown, { keyspace, locator }: Route) {
    const { mayMove } = this.#runtime.forwarding;
    const scope = { keyspace, owner: this.#keyed.key, moves: mayMove };
    return keyedOperation(scope, idempotencyKey, ['transaction', payload], locator);
  }

  /** Where rows may have been born that an earlier run of the same transaction wrote. */
  #everyShard(): string[] {
    const { home } = this.#keyed;
    if (!this.#runtime.forwarding.mayMove) return [home.shard.name];
    return keyspaceOf(home.topology, home.keyspace).shards.map(({ name }) => name);
  }

  #ownerAt(route: Route): Owner {
    const { forwarding, table } = this.#runtime;
    const { key, owner, home } = this.#keyed;
    return {
      key,
      column: table.shardKey,
      ...this.#registry.ownerColumns(table),
      keyspace: keyspaceOf(home.topology, home.keyspace),
      locators: [route.locator, ...forwarding.locatorsOf(owner, home)],
    };
  }

  /** Where the key is now. */
  #place(): Promise<Route> {
    const { owner, home } = this.#keyed;
    return this.#runtime.forwarding.check(owner, home, this.#call, here);
  }

  /** What a transaction saw of an owner who had left is not true, whether it liked it or not. */
  async #unlessMoved<R>(route: Route, work: Promise<R>): Promise<R> {
    const { forwarding } = this.#runtime;
    const { owner } = this.#keyed;
    const [result] = await Promise.allSettled([work]);
    const hasTime = this.#call.reason === undefined;
    if (hasTime && (await forwarding.next(owner, route, this.#call)) !== undefined) {
      throw new RolledBackError(
        'The owner of these rows has moved to another shard meanwhile, so all was rolled back. Run the whole of it again.',
        { context: { shard: route.shard.name } },
      );
    }
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  }

  /**
   * When the shard refused a row because a move of its owner is half done: ends the move, so that the
   * next try can do better. Not earlier, for the transaction held locks that this needs.
   */
  async #outOfTheWay(error: unknown, route: Route): Promise<never> {
    const { forwarding } = this.#runtime;
    const { owner } = this.#keyed;
    if (!forwarding.hasRefused(error)) throw error;
    await forwarding.afterRefusal(owner, route, this.#call);
    throw new RolledBackError(
      'The owner of these rows was being moved meanwhile, so all was rolled back. Run the whole of it again.',
      { cause: error, context: { shard: route.shard.name } },
    );
  }
}
