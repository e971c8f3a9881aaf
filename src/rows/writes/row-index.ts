import {
  type Committed,
  runTransaction,
  type TransactionConfig,
} from '../../commit/transaction.ts';
import type { TransactionScope } from '../../commit/transaction-scope.ts';
import type { Call } from '../../execution/call.ts';
import type { Executor } from '../../execution/executor.ts';
import type { Route } from '../../routing/route.ts';
import type { Endpoint } from '../../topology/topology.ts';
import type { RowSchema } from '../schema/define-table.ts';
import type { TableStatements } from '../statements.ts';
import type { CountedWrite } from './effects.ts';
import type { PlannedChange, PlannedRow } from './planned-write.ts';

/** Values of rows that an index reserves before the rows are written, and confirms or cancels after. */
export interface Reservations {
  readonly isEmpty: boolean;
  /** Whether a reader of the index may be led to the row with this key before it is there. */
  names(rowKey: string): boolean;
  /** `runTransaction` in step with the index. @throws {DuplicateKeyError} when another row holds a value. */
  transact<T>(
    executor: Executor,
    primary: Endpoint,
    call: Call,
    body: (scope: TransactionScope) => Promise<T>,
    config?: TransactionConfig,
  ): Promise<Committed<T>>;
  /** Makes caches forget what they hold under the values. */
  forget(): Promise<'done' | 'pending'>;
}

/** Sees to the effects of one attempt to change a row: where it is made, and which values it concerns. */
export type ChangeAttempt<T> = (
  route: Route,
  reservations: Reservations,
  write: Promise<CountedWrite>,
) => Promise<T>;

/** The part of an index in one transaction of the caller's. */
export interface IndexedTransaction<Schema extends RowSchema = RowSchema> {
  /** @param scope the transaction's own, or that of a savepoint where no column is indexed. */
  insert(scope: TransactionScope, row: PlannedRow<Schema>): Promise<void>;
  /** Returns how many rows there were to change: 1 or 0. */
  change(scope: TransactionScope, change: PlannedChange): Promise<number>;
  /** Ends a transaction that can not be committed, whatever its body made of the error. */
  assertIntact(): void;
  committed(): Promise<void>;
  failed(error: unknown): Promise<void>;
  /** Makes caches forget what they hold under the values that were reserved. */
  forget(): Promise<'done' | 'pending'>;
}

/** What keeps the values of some columns in step with the rows that hold them. */
export interface RowIndex<Schema extends RowSchema = RowSchema> {
  /** Those whose values it keeps. */
  readonly columns: readonly string[];
  /** What new rows have to reserve. @throws {RowError} when a value can't be kept. */
  reservationsOf(rows: readonly PlannedRow<Schema>[]): Reservations;
  /** Whether a change has to be made by `change`. */
  concerns(change: PlannedChange): boolean;
  /** Changes or deletes one row, and gives what came of the last attempt. */
  change<T>(change: PlannedChange, call: Call, attempt: ChangeAttempt<T>): Promise<T>;
  /** Takes part in a transaction of the caller's at `route`. */
  join(scope: TransactionScope, route: Route, call: Call): IndexedTransaction<Schema>;
  /** Stops its caches. */
  close(): Promise<void>;
}

const done = Promise.resolve('done' as const);

export const noReservations: Reservations = {
  isEmpty: true,
  names: () => false,
  transact: runTransaction,
  forget: () => done,
};

const nothing = Promise.resolve();

/** The index of a table of which no column is indexed. */
export function noIndex<Schema extends RowSchema>(statements: TableStatements): RowIndex<Schema> {
  return {
    columns: [],
    reservationsOf: () => noReservations,
    concerns: () => false,
    change() {
      throw new TypeError('no change concerns an index that keeps no column');
    },
    join: (_, route) => ({
      async insert(scope, { values }) {
        await scope.run(statements.insert([values]));
      },
      change: async (scope, { statementAt }) => (await scope.run(statementAt(route))).affected,
      assertIntact() {},
      committed: () => nothing,
      failed: () => nothing,
      forget: () => done,
    }),
    close: () => nothing,
  };
}
