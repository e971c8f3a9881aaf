import { chanceOf, checkIdempotencyKey } from '../../commit/idempotency-key.ts';
import type { TransactionScope } from '../../commit/transaction-scope.ts';
import { AbortedError, TimeoutError } from '../../errors/call-error.ts';
import { UnknownOutcomeError } from '../../errors/database-error.ts';
import { IdempotencyConflictError } from '../../errors/idempotency-error.ts';
import { isMeridianError } from '../../errors/meridian-error.ts';
import { PartialWriteError, type ShardResult } from '../../errors/scatter-error.ts';
import type { Call } from '../../execution/call.ts';
import type { CallOptions } from '../../execution/call-gate.ts';
import type { StatementResult } from '../../mysql/sql/sql.ts';
import type { Route } from '../../routing/route.ts';
import type { ShardKey } from '../../sharding/shard-key.ts';
import { forwardable, ownerOf } from '../forwardable.ts';
import type { RowOf, RowSchema } from '../schema/define-table.ts';
import type { TableRuntime } from '../table-runtime.ts';
import {
  type CountedWrite,
  type Effects,
  resultWithEffects,
  type WriteResult,
  withEffects,
} from './effects.ts';
import { forget, InsertEffects } from './insert-effects.ts';
import { insertMany } from './insert-many.ts';
import { insertOnce, type KeyedInsert, type StoredRow } from './keyed-insert.ts';
import { placeOwnId } from './place-own-id.ts';
import type { PlannedChange, PlannedRow } from './planned-write.ts';
import { type ChangeAttempt, noReservations, type Reservations } from './row-index.ts';
import { planDelete, planInsert, planUpdate } from './write-plan.ts';

/**
 * The key under which an insert is applied once, however often it is called.
 *
 * @example
 * await data.users.insert({ country: 'DE', name: 'Ada' }, { idempotencyKey });
 */
export interface InsertOptions extends CallOptions {
  /**
   * Stores the row once, however often the call is made with this key: 1 to 255 characters, drawn by
   * the caller for each operation. A lost reply is then found out, and the insert is repeated where it
   * was not applied. A later call with the same key and row returns the row that is stored.
   *
   * Keys are told apart within one owner (the row's shard key), or, of a table whose new rows are their
   * own owners, within the slot that key and place give; and for as long as `idempotency.keepMs` says.
   */
  readonly idempotencyKey?: string;
}

/** An insert under a key may be sent again when it is certain that nothing of it was applied. */
const keyedRetries = 2;

type Input = Readonly<Record<string, unknown>>;

/** How rows are written: one statement on the primary, then the cache forgets what it held. */
export class WritePath<Schema extends RowSchema> {
  readonly #runtime: TableRuntime<Schema>;

  constructor(runtime: TableRuntime<Schema>) {
    this.#runtime = runtime;
  }

  insert(input: Input, options: InsertOptions = {}): Promise<RowOf<Schema>> {
    const { calls, forwarding, table } = this.#runtime;
    const { idempotencyKey } = options;
    return calls.run('insert', table.name, options, async (call) => {
      if (idempotencyKey !== undefined) checkIdempotencyKey(idempotencyKey);
      const keyed = idempotencyKey === undefined ? undefined : { input, idempotencyKey };
      const choice = keyed && { chance: chanceOf(keyed.idempotencyKey) };
      const planned = planInsert(this.#runtime, call.topology, input, choice);
      // A new owner has not moved yet.
      if (!forwarding.mayMove || (planned.isFresh && table.group === undefined)) {
        return this.#insertOne(planned, keyed, call);
      }
      return forwarding.follow(
        ownerOf(this.#runtime, planned.row),
        planned.route,
        call,
        async (route) => {
          await placeOwnId(this.#runtime, planned, route, call);
          return this.#insertOne(planned.at(route), keyed, call);
        },
        () => false,
      );
    });
  }

  insertMany(inputs: readonly Input[], options: CallOptions | undefined): Promise<RowOf<Schema>[]> {
    const { calls, table } = this.#runtime;
    return calls.run('insertMany', table.name, options, async (call) => {
      const planned = inputs.map((input) => planInsert(this.#runtime, call.topology, input));
      const { rows, results } = await insertMany(this.#runtime, planned, call);
      this.#assertComplete(results);
      return rows.map(({ row }) => row);
    });
  }

  update(key: ShardKey, patch: Input, options: CallOptions | undefined): Promise<WriteResult> {
    return this.#change('update', options, ({ topology }) =>
      planUpdate(this.#runtime, topology, key, patch),
    );
  }

  delete(key: ShardKey, options: CallOptions | undefined): Promise<WriteResult> {
    return this.#change('delete', options, ({ topology }) =>
      planDelete(this.#runtime, topology, key),
    );
  }

  async #insertOne(
    planned: PlannedRow<Schema>,
    keyed: KeyedInsert | undefined,
    call: Call,
  ): Promise<RowOf<Schema>> {
    const { executor, index, cache, seen, table } = this.#runtime;
    const { primary } = planned.route.shard;
    const reservations = index.reservationsOf([planned]);
    try {
      const write =
        keyed === undefined
          ? this.#store(planned, reservations, call)
          : executor.rerun(primary, keyedRetries, call, () =>
              insertOnce(this.#runtime, keyed, planned, reservations, call),
            );
      const effects = new InsertEffects(primary.shard, [planned], reservations, cache);
      const { row } = (await withEffects(seen, effects, write, call)).written;
      if (row !== null) return row;
      throw new IdempotencyConflictError('row-gone', { table: table.name });
    } catch (error) {
      // What a call before this one has stored under the key has another id: the key leads to it.
      throw keyed === undefined ? this.#withId(error, planned) : error;
    }
  }

  async #store(
    planned: PlannedRow<Schema>,
    reservations: Reservations,
    call: Call,
  ): Promise<StoredRow<Schema>> {
    const { executor, statements } = this.#runtime;
    const { primary } = planned.route.shard;
    const statement = statements.insert([planned.values]);
    const insert = (scope: TransactionScope) => scope.run(statement);
    const { gtid } = reservations.isEmpty
      ? await executor.runStatement([primary], statement, 'write', call)
      : await reservations.transact(executor, primary, call, insert);
    return { row: planned.row, gtid };
  }

  #change(
    operation: 'update' | 'delete',
    options: CallOptions | undefined,
    plan: (call: Call) => PlannedChange,
  ): Promise<WriteResult> {
    const { calls, cache, index, seen, table } = this.#runtime;
    return calls.run(operation, table.name, options, async (call) => {
      const planned = plan(call);
      const { home, key } = planned;
      const attempt: ChangeAttempt<WriteResult> = ({ shard }, reservations, write) => {
        const effects: Effects<CountedWrite> = {
          shard: shard.name,
          homes: [home.shard.name],
          hasWritten: ({ affected }) => affected > 0,
          forget: () => forget(cache, [key.text], reservations),
        };
        return resultWithEffects(seen, effects, write, call);
      };
      return index.concerns(planned)
        ? index.change(planned, call, attempt)
        : this.#changeAlone(planned, call, attempt);
    });
  }

  /** Changes a row where it is, or was forwarded to. */
  async #changeAlone(
    { home, key, statementAt, touchesPlace }: PlannedChange,
    call: Call,
    attempt: ChangeAttempt<WriteResult>,
  ): Promise<WriteResult> {
    const { executor, forwarding } = this.#runtime;
    const run = async (route: Route) => {
      const statement = statementAt(route);
      const write = executor.runStatement([route.shard.primary], statement, 'write', call);
      return attempt(route, noReservations, write.then(counted));
    };
    const row = forwardable(this.#runtime, key);
    const start = touchesPlace ? await forwarding.locate(row, home, call) : home;
    return forwarding.follow(row, start, call, run, ({ affected }) => affected === 0);
  }

  /** Whoever must read the row back needs the id that was made for it. */
  #withId(error: unknown, { key, isFresh }: PlannedRow<Schema>): unknown {
    if (!isMeridianError(error) || error.outcome !== 'unknown' || !isFresh) return error;
    const { message, outcome, cause, ended } = error;
    const options = { outcome, cause, ended, context: { ...error.context, id: key.text } };
    if (error instanceof TimeoutError) return new TimeoutError(message, options);
    if (error instanceof AbortedError) return new AbortedError(message, options);
    return new UnknownOutcomeError(message, options);
  }

  #assertComplete(results: readonly ShardResult[]): void {
    const first = results.find(({ error }) => error !== undefined)?.error;
    if (first === undefined) return;
    // When nothing was applied anywhere, the plain error says it better.
    if (results.every(({ outcome }) => outcome === 'not-applied') || results.length === 1)
      throw first;
    throw new PartialWriteError(this.#runtime.table.name, results);
  }
}

/** A change by key makes no number. */
function counted({ affected, gtid }: StatementResult): CountedWrite {
  return { affected, gtid };
}
