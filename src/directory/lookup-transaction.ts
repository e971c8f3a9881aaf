import { recordApplied } from '../commit/commit-record.ts';
import type { TransactionScope } from '../commit/transaction-scope.ts';
import { DuplicateKeyError } from '../errors/database-error.ts';
import type { Call } from '../execution/call.ts';
import type { Statement } from '../mysql/sql/sql.ts';
import type { Route } from '../routing/route.ts';
import type { RowSchema } from '../rows/schema/define-table.ts';
import type { RowsRuntime } from '../rows/table-runtime.ts';
import type { PlannedChange, PlannedRow } from '../rows/writes/planned-write.ts';
import type { IndexedTransaction } from '../rows/writes/row-index.ts';
import { endedBy } from './entry-protocol.ts';
import { LookupChange, reservationsOfNew } from './lookup-reservations.ts';
import { type Reservation, type ReservationResult, refuseOwn } from './reservation.ts';
import { newToken, outcomeOf, type ReservedWrites } from './reserved-writes.ts';
import type { TableLookups } from './table-lookups.ts';

/** A transaction of the caller's that is open. */
interface OpenWork {
  readonly scope: TransactionScope;
  readonly route: Route;
  readonly call: Call;
}

/**
 * Keeps the directory in step with the writes of one table in a transaction of the caller's. All their
 * reservations have one token, marked before the first of them, so that nobody takes the open
 * transaction for abandoned.
 */
export class LookupTransaction<Schema extends RowSchema> implements IndexedTransaction<Schema> {
  readonly #runtime: RowsRuntime<Schema>;
  readonly #lookups: TableLookups;
  readonly #writes: ReservedWrites;
  readonly #open: OpenWork;
  readonly #token = newToken();
  readonly #reservations: Reservation[] = [];
  #marked: Promise<void> | undefined;
  /** Why the directory could not follow what is written already. */
  #broken: unknown;

  constructor(
    runtime: RowsRuntime<Schema>,
    lookups: TableLookups,
    writes: ReservedWrites,
    open: OpenWork,
  ) {
    this.#runtime = runtime;
    this.#lookups = lookups;
    this.#writes = writes;
    this.#open = open;
  }

  async insert(_: TransactionScope, row: PlannedRow<Schema>): Promise<void> {
    const reservations = reservationsOfNew(this.#runtime, this.#lookups, row);
    const statement = this.#runtime.statements.insert([row.values]);
    await this.#inStep(reservations, statement, refuseOwn);
  }

  async change(scope: TransactionScope, planned: PlannedChange): Promise<number> {
    const { route } = this.#open;
    const statement = planned.statementAt(route);
    const change = new LookupChange(this.#runtime, this.#lookups, planned);
    if (change.lookups.length === 0) return (await scope.run(statement)).affected;
    const raw = await change.lock(scope);
    if (raw === undefined) return 0;
    const reservations = change.reservations(change.valuesOf(raw), route.locator);
    // The row is locked: that it holds the value already was found before, or is raw SQL's doing.
    return this.#inStep(reservations, statement, () => {});
  }

  assertIntact(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  async committed(): Promise<void> {
    if (this.#marked !== undefined) await this.#writes.confirm(this.#ending, this.#open.call);
  }

  /** What nobody knows the outcome of is left to be resolved. */
  async failed(error: unknown): Promise<void> {
    if (endedBy(outcomeOf(error)) === undefined) return;
    if (this.#marked !== undefined) await this.#writes.cancel(this.#ending, this.#open.call);
  }

  forget(): Promise<'done' | 'pending'> {
    return this.#lookups.forget(this.#reservations);
  }

  async #inStep(
    reservations: readonly Reservation[],
    statement: Statement,
    onOwn: (reservation: Reservation) => void,
  ): Promise<number> {
    const { scope, call } = this.#open;
    if (reservations.length === 0) return (await scope.run(statement)).affected;
    this.#marked ??= recordApplied(scope, this.#token);
    await this.#marked;
    const results = new Map<Reservation, ReservationResult>();
    const whichAre = (what: ReservationResult) =>
      reservations.filter((reservation) => results.get(reservation) === what);
    let affected: number;
    try {
      await this.#orBreak(this.#writes.reserveWithin(this.#token, reservations, call, results));
      for (const reservation of whichAre('own')) onOwn(reservation);
      ({ affected } = await scope.run(statement));
    } catch (error) {
      // The body may go on without this statement; what an earlier one reserved stays reserved.
      await this.#orBreak(this.#writes.release(this.#token, whichAre('reserved'), call));
      throw error;
    }
    this.#reservations.push(...reservations);
    await this.#orBreak(this.#writes.reverse(this.#token, whichAre('reversed'), call));
    return affected;
  }

  /**
   * A reservation that stays, or may have been made, without its statement would be carried out by the
   * commit: the row would go on holding a value that its entry has left.
   */
  async #orBreak(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!(error instanceof DuplicateKeyError)) this.#broken ??= error;
      throw error;
    }
  }

  get #ending() {
    const { primary } = this.#open.route.shard;
    return { token: this.#token, reservations: this.#reservations, primary };
  }
}
