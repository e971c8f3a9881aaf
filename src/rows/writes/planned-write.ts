import type { RawRow, SqlValue, Statement } from '../../mysql/sql/sql.ts';
import type { Route } from '../../routing/route.ts';
import type { RowKey } from '../row-codec.ts';
import type { RowOf, RowSchema } from '../schema/define-table.ts';

/** A row that is ready to be stored. */
export interface PlannedRow<Schema extends RowSchema> {
  readonly route: Route;
  readonly key: RowKey;
  /** As the database will give it back. */
  readonly row: RowOf<Schema>;
  readonly values: readonly SqlValue[];
  /** The place that an id names which was given; undefined for one that was made. */
  readonly named: Route | undefined;
  /** The id was made just now, so nobody can have cached that there is no such row. */
  readonly isFresh: boolean;
  /** The same row in another slot: where its owner was moved to. A fresh id then names that slot. */
  at(route: Route): PlannedRow<Schema>;
}

/** A change of one stored row. */
export interface PlannedChange {
  /** Where the row's id says that it is. */
  readonly home: Route;
  readonly key: RowKey;
  /** Whether the change may or may not be made depends on where the row is. */
  readonly touchesPlace: boolean;
  /** The columns that change, with their new values as the database will give them back; null: all go. */
  readonly after: RawRow | null;
  /** @throws {RoutingError} or {@link ResidencyError} when it would move the row from there. */
  statementAt(route: Route): Statement;
}
