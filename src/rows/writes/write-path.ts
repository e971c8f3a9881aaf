import { chanceOf, checkIdempotencyKey } from '../../commit/idempotency-key.ts';
import type { TransactionScope } from '../../commit/transaction-scope.ts';
import { AbortedError, TimeoutError } from '../../errors/call-error.ts';
import { UnknownOutcomeError } from '../../errors/database-error.ts';
import { isMeridianError } from '../../errors/meridian-error.ts';
import { PartialWriteError, type ShardResult } from '../../errors/scatter-error.ts';
import type { CallOptions } from '../../execution/call-gate.ts';
import type { Forwarding } from '../../forwarding/forwarding.ts';
import type { Forwardable } from '../../forwarding/forwarding-marks.ts';
import type { StatementResult } from '../../mysql/sql/sql.ts';
import type { Deadline } from '../../resilience/time/deadline.ts';
import type { Route } from '../../routing/route.ts';
import type { ShardKey } from '../../sharding/shard-key.ts';
import { forwardable, ownerOf } from '../forwardable.ts';
import type { RowOf, RowSchema } from '../schema/define-table.ts';
import { noting, tokenOfWrite } from '../sessions/seen-writes.ts';
import { thenForget } from '../sessions/then-forget.ts';
import type { TableRuntime } from '../table-runtime.ts';
import { insertMany } from './insert-many.ts';
import { insertOnce, type KeyedInsert, type StoredRow } from './keyed-insert.ts';
import { placeOwnId } from './place-own-id.ts';
import type { PlannedChange, PlannedRow } from './planned-write.ts';
import { noReservations, type Reservations, type RowChange } from './row-index.ts';
import { planDelete, planInsert, planUpdate } from './write-plan.ts';

/** What a write did. */
export interface WriteResult {
  /** Rows that matched. 0: there is no row with this key. */
  readonly affected: number;
  /**
   * The AUTO_INCREMENT number that the server gave the new row of an `execute`, or what it set with
   * `LAST_INSERT_ID(…)`: of an INSERT of several rows that of the first, whose others need not follow
   * without gaps. With ON DUPLICATE KEY UPDATE it may be that of a row that was there before. Undefined where
   * the statement made none, and of every other write.
   */
  readonly insertId: bigint | undefined;
  /** What a later read must have seen to see this write; undefined when nothing was written. */
  readonly token: string | undefined;
  /**
   * `pending`: the row is written, but Redis did not confirm that it forgot the old one. It is told
   * again; until then other processes may serve the old row for at most ttl + stale.
   */
  readonly invalidation: 'done' | 'pending';
}

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
    return calls.run('insert', table.name, options, async (deadline) => {
      if (idempotencyKey !== undefined) checkIdempotencyKey(idempotencyKey);
      const keyed = idempotencyKey === undefined ? undefined : { input, idempotencyKey };
      const choice = keyed && { chance: chanceOf(keyed.idempotencyKey) };
      const planned = planInsert(this.#runtime, input, choice);
      // A new owner has not moved yet.
      if (forwarding === undefined || (planned.isFresh && table.group === undefined)) {
        return this.#insertOne(planned, keyed, deadline);
      }
      return forwarding.follow(
        ownerOf(table, planned.row),
        planned.route,
        deadline,
        async (route) => {
          await placeOwnId(this.#runtime, planned, route, deadline);
          return this.#insertOne(planned.at(route), keyed, deadline);
        },
        () => false,
      );
    });
  }

  insertMany(inputs: readonly Input[], options: CallOptions | undefined): Promise<RowOf<Schema>[]> {
    const { calls, table } = this.#runtime;
    return calls.run('insertMany', table.name, options, async (deadline) => {
      const planned = inputs.map((input) => planInsert(this.#runtime, input));
      const { rows, results } = await insertMany(this.#runtime, planned, deadline);
      const reservations = this.#runtime.index.reservationsOf(rows);
      const stored = async () => {
        this.#assertComplete(results);
        return rows.map(({ row }) => row);
      };
      const forget = (isApplied: boolean) =>
        this.#forget(forgettable(rows, reservations, isApplied), reservations);
      return (await thenForget(stored(), deadline, forget)).result;
    });
  }

  update(key: ShardKey, patch: Input, options: CallOptions | undefined): Promise<WriteResult> {
    return this.#change('update', options, () => planUpdate(this.#runtime, key, patch));
  }

  delete(key: ShardKey, options: CallOptions | undefined): Promise<WriteResult> {
    return this.#change('delete', options, () => planDelete(this.#runtime, key));
  }

  async #insertOne(
    planned: PlannedRow<Schema>,
    keyed: KeyedInsert | undefined,
    deadline: Deadline,
  ): Promise<RowOf<Schema>> {
    const { executor, index } = this.#runtime;
    const { primary } = planned.route.shard;
    const reservations = index.reservationsOf([planned]);
    try {
      const write = () =>
        keyed === undefined
          ? this.#store(planned, reservations, deadline)
          : executor.rerun(primary, keyedRetries, deadline, () =>
              insertOnce(this.#runtime, keyed, planned, reservations, deadline),
            );
      const home = (planned.named ?? planned.route).shard.name;
      const place = () => ({ shard: primary.shard, homes: [home] });
      const { result } = await thenForget(
        noting(this.#runtime.seen, place, write(), () => true),
        deadline,
        (isApplied) => this.#forget(forgettable([planned], reservations, isApplied), reservations),
      );
      return result.row;
    } catch (error) {
      // What a call before this one has stored under the key has another id: the key leads to it.
      throw keyed === undefined ? this.#withId(error, planned) : error;
    }
  }

  async #store(
    planned: PlannedRow<Schema>,
    reservations: Reservations,
    deadline: Deadline,
  ): Promise<StoredRow<Schema>> {
    const { executor, statements } = this.#runtime;
    const { primary } = planned.route.shard;
    const statement = statements.insert([planned.values]);
    const insert = (scope: TransactionScope) => scope.run(statement);
    const { gtid } = reservations.isEmpty
      ? await executor.runStatement([primary], statement, 'write', deadline)
      : await reservations.transact(executor, primary, deadline, insert);
    return { row: planned.row, gtid };
  }

  #change(
    operation: 'update' | 'delete',
    options: CallOptions | undefined,
    plan: () => PlannedChange,
  ): Promise<WriteResult> {
    const { calls, executor, forwarding, index, table } = this.#runtime;
    return calls.run(operation, table.name, options, async (deadline) => {
      const planned = plan();
      const { home, key, statementAt, touchesPlace } = planned;
      let at = home;
      let reservations = noReservations;
      const run = (route: Route) => {
        at = route;
        const statement = statementAt(route);
        return executor.runStatement([route.shard.primary], statement, 'write', deadline);
      };
      const change = (): Promise<RowChange> => {
        if (index.concerns(planned)) {
          return index.change(planned, deadline, (route, found) => {
            at = route;
            reservations = found;
          });
        }
        if (forwarding === undefined) return run(home);
        return this.#follow(forwarding, forwardable(table, key), home, touchesPlace, deadline, run);
      };
      const place = () => ({ shard: at.shard.name, homes: [home.shard.name] });
      const { result, invalidation } = await thenForget(
        noting(this.#runtime.seen, place, change(), ({ affected }) => affected > 0),
        deadline,
        () => this.#forget([key.text], reservations),
      );
      const token = tokenOfWrite(place(), result);
      return { affected: result.affected, insertId: undefined, token, invalidation };
    });
  }

  /** Changes a row where it is, or was forwarded to. */
  async #follow(
    forwarding: Forwarding,
    row: Forwardable,
    home: Route,
    touchesPlace: boolean,
    deadline: Deadline,
    run: (route: Route) => Promise<StatementResult>,
  ): Promise<StatementResult> {
    const start = touchesPlace ? await forwarding.resolve(row, home, deadline) : home;
    return forwarding.follow(row, start, deadline, run, ({ affected }) => affected === 0);
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

  async #forget(keys: readonly string[], reservations: Reservations): Promise<'done' | 'pending'> {
    const rows = (await this.#runtime.cache?.invalidate(keys)) ?? 'done';
    const values = await reservations.forget();
    return rows === 'pending' ? rows : values;
  }
}

/**
 * Keys under which "no such row" may be cached: those that were not made just now, and those that an
 * index could lead to before the row was there. Of an unknown outcome all of them: its error tells ids.
 */
function forgettable<Schema extends RowSchema>(
  rows: readonly PlannedRow<Schema>[],
  reservations: Reservations,
  isApplied: boolean,
): string[] {
  return rows
    .filter(({ isFresh, key }) => !isApplied || !isFresh || reservations.names(key.text))
    .map(({ key }) => key.text);
}
