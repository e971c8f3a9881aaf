import { RowError } from '../errors/row-error.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import { ReadPath } from '../rows/reads/read-path.ts';
import type { TableRuntime } from '../rows/table-runtime.ts';
import type { Claim } from './claim.ts';
import type { LookupValue } from './lookup-values.ts';
import type { TableLookup } from './table-lookups.ts';

/** The row that claims are made for. */
export interface ClaimingRow {
  /** Text of its primary key. */
  readonly rowKey: string;
  /** Names the slot where its transaction runs. */
  readonly locator: number;
}

/** A row, or as much of it as there is: the values of its columns by name. */
type Values = Readonly<Record<string, unknown>>;

const longestRowKey = 255;

/**
 * What a row has to claim when the values of some lookups change from `before` to `after`; either
 * may be null, for a row that is not there. Only what differs after normalizing is claimed.
 *
 * @throws {RowError} when a value or the row's key can't be entered.
 */
export function claimsOf(
  runtime: TableRuntime,
  lookups: readonly TableLookup[],
  row: ClaimingRow,
  before: Values | null,
  after: Values | null,
): Claim[] {
  assertRowKey(runtime, row);
  return lookups.flatMap((lookup) => {
    const { plan, values } = lookup;
    const old = values.held(before?.[plan.column]);
    const given = after?.[plan.column] ?? null;
    const next = given === null ? undefined : values.of(given);
    if (old?.text === next?.text) return [];
    return [
      ...entryClaims(runtime, lookup, row, 'leave', old),
      ...entryClaims(runtime, lookup, row, 'enter', next),
    ];
  });
}

/** Whether two states of a row hold the same values of some lookups, after normalizing. */
export function holdsSame(
  lookups: readonly TableLookup[],
  before: Values,
  now: (column: string) => unknown,
): boolean {
  return lookups.every(
    ({ plan: { column }, values }) =>
      values.held(before[column])?.text === values.held(now(column))?.text,
  );
}

function entryClaims(
  runtime: TableRuntime,
  lookup: TableLookup,
  row: ClaimingRow,
  kind: Claim['kind'],
  value: LookupValue | undefined,
): Claim[] {
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
    isHeldBy: (rowKey, deadline) => isHeldBy(runtime, lookup, text, rowKey, deadline),
  }));
}

async function isHeldBy(
  runtime: TableRuntime,
  { plan, values }: TableLookup,
  text: string,
  rowKey: string,
  deadline: Deadline,
): Promise<boolean> {
  const key = runtime.codec.keyOfText(rowKey);
  const row = await new ReadPath(runtime).read(key, { consistency: 'primary' }, deadline);
  return values.held(row?.[plan.column])?.text === text;
}

function assertRowKey({ table }: TableRuntime, { rowKey }: ClaimingRow): void {
  if (Buffer.byteLength(rowKey) <= longestRowKey) return;
  throw new RowError(table.name, [
    {
      path: table.primaryKey,
      message: `is longer than ${longestRowKey} bytes, the most that a lookup can name`,
    },
  ]);
}
