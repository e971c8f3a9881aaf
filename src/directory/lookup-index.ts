import type { Committed, TransactionConfig } from '../commit/transaction.ts';
import type { TransactionScope } from '../commit/transaction-scope.ts';
import { RolledBackError } from '../errors/database-error.ts';
import type { Call } from '../execution/call.ts';
import type { Executor } from '../execution/executor.ts';
import type { Route } from '../routing/route.ts';
import { ReadPath } from '../rows/reads/read-path.ts';
import type { RowSchema } from '../rows/schema/define-table.ts';
import type { RowsRuntime } from '../rows/table-runtime.ts';
import type { PlannedChange, PlannedRow } from '../rows/writes/planned-write.ts';
import {
  type ChangeAttempt,
  noReservations,
  type Reservations,
  type RowIndex,
} from '../rows/writes/row-index.ts';
import type { Endpoint } from '../topology/topology.ts';
import { holdsSame, LookupChange, reservationsOfNew } from './lookup-reservations.ts';
import { LookupTransaction } from './lookup-transaction.ts';
import { type Reservation, refuseOwn } from './reservation.ts';
import type { ReservedWrites } from './reserved-writes.ts';
import type { TableLookups } from './table-lookups.ts';

/** How often a change starts over because the row's values changed while it prepared. */
const attempts = 5;

/** There is no such row. */
const none = Promise.resolve({ affected: 0, gtid: undefined });

/** The row was changed between being read and being locked. */
class RowChanged extends Error {}

/** Writes of rows whose values are unique over all shards, in step with the directory. */
export class LookupIndex<Schema extends RowSchema> implements RowIndex<Schema> {
  readonly columns: readonly string[];
  readonly #runtime: RowsRuntime<Schema>;
  readonly #lookups: TableLookups;
  readonly #writes: ReservedWrites;
  readonly #reads: ReadPath<Schema>;

  constructor(runtime: RowsRuntime<Schema>, lookups: TableLookups, writes: ReservedWrites) {
    this.columns = lookups.columns;
    this.#runtime = runtime;
    this.#lookups = lookups;
    this.#writes = writes;
    this.#reads = new ReadPath(runtime);
  }

  reservationsOf(rows: readonly PlannedRow<Schema>[]): Reservations {
    return this.#reserving(
      rows.flatMap((row) => reservationsOfNew(this.#runtime, this.#lookups, row)),
    );
  }

  concerns({ after }: PlannedChange): boolean {
    return this.#lookups.concernedBy(after).length > 0;
  }

  async change<T>(planned: PlannedChange, call: Call, attempt: ChangeAttempt<T>): Promise<T> {
    const { codec, table } = this.#runtime;
    const key = codec.keyOfText(planned.key.text);
    const change = new LookupChange(this.#runtime, this.#lookups, planned);
    for (let tries = 0; tries < attempts; tries++) {
      const { row: before, route } = await this.#reads.locate(key, call);
      if (before === null) return attempt(route, noReservations, none);
      const statement = planned.statementAt(route);
      const reservations = change.reservations(before, route.locator);
      // The row's own transaction: the row must still hold what was reserved for.
      const body = async (scope: TransactionScope) => {
        const raw = await change.lock(scope);
        if (raw === undefined || !holdsSame(change.lookups, before, change.valuesOf(raw))) {
          throw new RowChanged();
        }
        return (await scope.run(statement)).affected;
      };
      const onOwn = () => {
        throw new RowChanged();
      };
      try {
        const { primary } = route.shard;
        const write = this.#writes
          .write(primary, reservations, call, onOwn, body)
          .then(({ value, gtid }) => ({ affected: value, gtid }));
        return await attempt(route, this.#reserving(reservations), write);
      } catch (error) {
        if (!(error instanceof RowChanged)) throw error;
      }
    }
    throw new RolledBackError(
      `This row of '${table.name}' was changed by others again and again meanwhile. Try again.`,
      { context: { table: table.name } },
    );
  }

  join(scope: TransactionScope, route: Route, call: Call): LookupTransaction<Schema> {
    const lookups = this.#lookups;
    return new LookupTransaction(this.#runtime, lookups, this.#writes, { scope, route, call });
  }

  close(): Promise<void> {
    return this.#lookups.close();
  }

  #reserving(reservations: readonly Reservation[]): Reservations {
    if (reservations.length === 0) return noReservations;
    return new LookupReservations(this.#lookups, this.#writes, reservations);
  }
}

/** Reservations for rows of one shard, which are inserted all or none. */
class LookupReservations implements Reservations {
  readonly isEmpty = false;
  readonly #lookups: TableLookups;
  readonly #writes: ReservedWrites;
  readonly #all: readonly Reservation[];
  readonly #rowKeys: ReadonlySet<string>;

  constructor(lookups: TableLookups, writes: ReservedWrites, all: readonly Reservation[]) {
    this.#lookups = lookups;
    this.#writes = writes;
    this.#all = all;
    this.#rowKeys = new Set(all.map(({ rowKey }) => rowKey));
  }

  names(rowKey: string): boolean {
    return this.#rowKeys.has(rowKey);
  }

  transact<T>(
    _: Executor,
    primary: Endpoint,
    call: Call,
    body: (scope: TransactionScope) => Promise<T>,
    config?: TransactionConfig,
  ): Promise<Committed<T>> {
    return this.#writes.write(primary, this.#all, call, refuseOwn, body, config);
  }

  forget(): Promise<'done' | 'pending'> {
    return this.#lookups.forget(this.#all);
  }
}
