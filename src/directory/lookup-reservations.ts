import type { TransactionScope } from '../commit/transaction-scope.ts';
import { RowError } from '../errors/row-error.ts';
import type { Call } from '../execution/call.ts';
import type { RawRow } from '../mysql/sql/sql.ts';
import { ReadPath } from '../rows/reads/read-path.ts';
import type { RowSchema } from '../rows/schema/define-table.ts';
import type { RowsRuntime } from '../rows/table-runtime.ts';
import type { PlannedChange, PlannedRow } from '../rows/writes/planned-write.ts';
import type { LookupValue } from './lookup-values.ts';
import type { Reservation } from './reservation.ts';
import type { TableLookup, TableLookups } from './table-lookups.ts';

/** The row that reservations are made for. */
interface ReservingRow {
  /** Text of its primary key. */
  readonly rowKey: string;
  /** Names the slot where its transaction runs. */
  readonly locator: number;
}

/** A row, or as much of it as there is: the values of its columns by name. */
type Values = Readonly<Record<string, unknown>>;

const longestRowKey = 255;

/** What a new row has to reserve. @throws {RowError} when a value or the row's key can't be entered. */
export function reservationsOfNew<Schema extends RowSchema>(
  runtime: RowsRuntime<Schema>,
  { all }: TableLookups,
  { key, route, row }: PlannedRow<Schema>,
): Reservation[] {
  return reservationsOf(runtime, all, { rowKey: key.text, locator: route.locator }, null, row);
}

/** A change of one row, as far as it concerns the lookups of the table. */
export class LookupChange<Schema extends RowSchema> {
  readonly lookups: readonly TableLookup[];
  readonly #runtime: RowsRuntime<Schema>;
  readonly #change: PlannedChange;
  readonly #after: Values | null;

  constructor(runtime: RowsRuntime<Schema>, lookups: TableLookups, change: PlannedChange) {
    this.lookups = lookups.concernedBy(change.after);
    this.#runtime = runtime;
    this.#change = change;
    this.#after = change.after && this.valuesOf(change.after);
  }

  /** The values of the lookups' columns. */
  valuesOf(raw: RawRow): Values {
    const { codec } = this.#runtime;
    return Object.fromEntries(
      this.lookups.map(({ plan: { column } }) => [column, codec.valueOf(column, raw)]),
    );
  }

  /** What a row that holds `before` has to reserve. @throws {RowError} */
  reservations(before: Values, locator: number): Reservation[] {
    const row = { rowKey: this.#change.key.text, locator };
    return reservationsOf(this.#runtime, this.lookups, row, before, this.#after);
  }

  /** The row, which nobody else can change until the transaction ends; undefined when there is none. */
  async lock(scope: TransactionScope): Promise<RawRow | undefined> {
    const { codec, statements } = this.#runtime;
    const { param, identity } = this.#change.key;
    const { rows } = await scope.run(statements.lockByKeys([param]));
    return rows.find((row) => codec.identityOf(row) === identity);
  }
}

/**
 * What a row has to reserve when the values of some lookups change from `before` to `after`; either
 * may be null, for a row that is not there. Only what differs after normalizing is reserved.
 *
 * @throws {RowError} when a value or the row's key can't be entered.
 */
export function reservationsOf<Schema extends RowSchema>(
  runtime: RowsRuntime<Schema>,
  lookups: readonly TableLookup[],
  row: ReservingRow,
  before: Values | null,
  after: Values | null,
): Reservation[] {
  assertRowKey(runtime.table, row);
  return lookups.flatMap((lookup) => {
    const { plan, values } = lookup;
    const old = values.held(before?.[plan.column]);
    const given = after?.[plan.column] ?? null;
    const next = given === null ? undefined : values.of(given);
    if (old?.text === next?.text) return [];
    return [
      ...entryReservations(runtime, lookup, row, 'leave', old),
      ...entryReservations(runtime, lookup, row, 'enter', next),
    ];
  });
}

/** Whether two states of a row hold the same values of some lookups, after normalizing. */
export function holdsSame(lookups: readonly TableLookup[], before: Values, now: Values): boolean {
  return lookups.every(
    ({ plan: { column }, values }) =>
      values.held(before[column])?.text === values.held(now[column])?.text,
  );
}

function entryReservations<Schema extends RowSchema>(
  runtime: RowsRuntime<Schema>,
  lookup: TableLookup,
  row: ReservingRow,
  kind: Reservation['kind'],
  value: LookupValue | undefined,
): Reservation[] {
  if (value === undefined) return [];
  const { column, name } = lookup.plan;
  const { text, stored } = value;
  return stored.map((bytes) => ({
    ...row,
    kind,
    table: runtime.table.name,
    column,
    lookup: name,
    value: bytes,
    isHeldBy: (rowKey, call) => isHeldBy(runtime, lookup, text, rowKey, call),
  }));
}

async function isHeldBy<Schema extends RowSchema>(
  runtime: RowsRuntime<Schema>,
  { plan, values }: TableLookup,
  text: string,
  rowKey: string,
  call: Call,
): Promise<boolean> {
  const key = runtime.codec.keyOfText(rowKey);
  const row = await new ReadPath(runtime).read(key, { consistency: 'primary' }, call);
  return values.held(row?.[plan.column])?.text === text;
}

function assertRowKey(table: RowsRuntime['table'], { rowKey }: ReservingRow): void {
  if (Buffer.byteLength(rowKey) <= longestRowKey) return;
  throw new RowError(table.name, [
    {
      path: table.primaryKey,
      message: `is longer than ${longestRowKey} bytes, the most that a lookup can name`,
    },
  ]);
}
