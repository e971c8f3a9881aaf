import type { TransactionScope } from '../../commit/transaction-scope.ts';
import type { Call } from '../../execution/call.ts';
import type { Route } from '../../routing/route.ts';
import type { Owner } from '../../rows/raw/change-scope.ts';
import type { TableRegistry } from '../../rows/table-registry.ts';
import type { Effects } from '../../rows/writes/effects.ts';
import { TransactionAccess } from './transaction-access.ts';

/** What an attempt runs. */
export interface AttemptedWork {
  run(trx: object): Promise<unknown>;
  /** Where its key says that it is. */
  readonly home: Route;
  /** Whose rows it changes. */
  readonly owner: Owner;
  /** Settles like the work unless the owner has left. */
  unlessMoved<R>(result: Promise<R>): Promise<R>;
}

/** One attempt: what its body works with, and what is to be done once it has ended. */
export class TransactionAttempt implements Effects {
  readonly #registry: TableRegistry;
  readonly #route: Route;
  readonly #call: Call;
  readonly #work: AttemptedWork;
  /** Undefined until the body is run. */
  #access: TransactionAccess | undefined;

  constructor(registry: TableRegistry, route: Route, call: Call, work: AttemptedWork) {
    this.#registry = registry;
    this.#route = route;
    this.#call = call;
    this.#work = work;
  }

  /** Whether a body that ended well sent a change. A body that was not run had been, and had. */
  hasWritten(): boolean {
    return this.#access?.hasWritten ?? true;
  }

  get shard(): string {
    return this.#route.shard.name;
  }

  /** The shards that its key and the ids of written rows name. */
  get homes(): readonly string[] {
    return [this.#work.home.shard.name, ...(this.#access?.homes ?? [])];
  }

  async run(scope: TransactionScope): Promise<unknown> {
    const { owner, unlessMoved, run } = this.#work;
    const access = new TransactionAccess(scope, this.#registry, this.#route, owner, this.#call);
    this.#access = access;
    const value = await unlessMoved(run(access.handle()));
    for (const indexed of access.indexed) indexed.assertIntact();
    return value;
  }

  async committed(): Promise<void> {
    await Promise.all([...(this.#access?.indexed ?? [])].map((indexed) => indexed.committed()));
  }

  async failed(error: unknown): Promise<void> {
    await Promise.all([...(this.#access?.indexed ?? [])].map((indexed) => indexed.failed(error)));
  }

  async forget(): Promise<'done' | 'pending'> {
    if (this.#access === undefined) return 'done';
    const rows = await this.#registry.forget(this.#access.touched);
    const values = await Promise.all([...this.#access.indexed].map((indexed) => indexed.forget()));
    return values.includes('pending') ? 'pending' : rows;
  }
}
