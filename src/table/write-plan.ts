import type { RawRow, SqlValue, Statement } from '../mysql/sql.ts';
import { maxRowsPerInsert } from '../mysql/statements.ts';
import type { Route } from '../routing/route.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { RowOf, RowSchema } from './define-table.ts';
import { assertStays, routeNewRow, routePrimaryKey } from './route-row.ts';
import type { RowKey } from './row-codec.ts';
import { sampleId } from './table-plan.ts';
import type { TableRuntime } from './table-runtime.ts';

/** A row that is ready to be stored. */
export interface PlannedRow<Schema extends RowSchema> {
  readonly route: Route;
  readonly key: RowKey;
  /** As the database will give it back. */
  readonly row: RowOf<Schema>;
  readonly values: readonly SqlValue[];
  /** The id was made just now, so nobody can have cached that there is no such row. */
  readonly isFresh: boolean;
}

/** A change of one stored row. */
export interface PlannedChange {
  readonly route: Route;
  readonly key: RowKey;
  readonly statement: Statement;
  /** The columns that change, with their new values as the database will give them back; null: all go. */
  readonly after: RawRow | null;
}

const maxInsertBytes = 4 * 1024 * 1024;

type Input = Readonly<Record<string, unknown>>;

/**
 * Checks a row, routes it and gives it an id if it has none. Inside a transaction (`within`) a row
 * that is its own owner is given a slot there, since any slot would do.
 */
export function planInsert<Schema extends RowSchema>(
  { table, codec, topology }: TableRuntime<Schema>,
  input: Input,
  within?: Route,
): PlannedRow<Schema> {
  const given = input[table.primaryKey];
  const parsed = codec.parse(
    given === undefined ? { ...input, [table.primaryKey]: sampleId } : input,
  );
  const ownId =
    given === undefined ? undefined : codec.key(Reflect.get(parsed, table.primaryKey)).text;
  const { route, id } = routeNewRow(topology.current, table, parsed, ownId, within);
  // A key of its own is stored as the schema gives it, z.string().trim() say: so it was routed.
  const complete = given === undefined ? { ...parsed, [table.primaryKey]: id } : parsed;
  const values = codec.encode(complete);
  return {
    route,
    key: codec.key(complete[table.primaryKey]),
    row: codec.stored(values),
    isFresh: given === undefined,
    values,
  };
}

export function planUpdate<Schema extends RowSchema>(
  { table, codec, topology, statements }: TableRuntime<Schema>,
  value: ShardKey,
  patch: Input,
): PlannedChange {
  const key = codec.key(value);
  const route = routePrimaryKey(topology.current, table, value);
  assertStays(topology.current, table, route, patch);
  const { columns, values } = codec.encodePatch(patch);
  const after = Object.fromEntries(columns.map((name, index) => [name, values[index] ?? null]));
  return { route, key, statement: statements.update(columns, values, key.param), after };
}

export function planDelete<Schema extends RowSchema>(
  { table, codec, topology, statements }: TableRuntime<Schema>,
  value: ShardKey,
): PlannedChange {
  const key = codec.key(value);
  const route = routePrimaryKey(topology.current, table, value);
  return { route, key, statement: statements.remove(key.param), after: null };
}

/** Cuts rows into statements of at most 256 rows and about 4 MB. */
export function insertBatches<Schema extends RowSchema>(
  rows: readonly PlannedRow<Schema>[],
): (readonly PlannedRow<Schema>[])[] {
  const batches: PlannedRow<Schema>[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const size = row.values.reduce<number>((sum, value) => sum + sizeOf(value), 0);
    const batch = batches[batches.length - 1];
    if (batch === undefined || batch.length === maxRowsPerInsert || bytes + size > maxInsertBytes) {
      batches.push([row]);
      bytes = size;
    } else {
      batch.push(row);
      bytes += size;
    }
  }
  return batches;
}

function sizeOf(value: SqlValue): number {
  if (typeof value === 'string') return value.length * 3;
  return value instanceof Uint8Array ? value.length : 16;
}
