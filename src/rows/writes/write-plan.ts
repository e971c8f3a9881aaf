import type { SqlValue } from '../../mysql/sql/sql.ts';
import type { Route } from '../../routing/route.ts';
import { keyspaceOf } from '../../routing/router.ts';
import { newId } from '../../sharding/ids/id.ts';
import type { ShardKey } from '../../sharding/shard-key.ts';
import type { Topology } from '../../topology/topology.ts';
import {
  assertBelongs,
  assertKeysStay,
  assertStays,
  routeNewRow,
  routePrimaryKey,
  touchesPlace,
} from '../route-row.ts';
import type { RowSchema } from '../schema/define-table.ts';
import { sampleId } from '../schema/table-plan.ts';
import { maxRowsPerInsert } from '../statements.ts';
import type { TableRuntime } from '../table-runtime.ts';
import type { PlannedChange, PlannedRow } from './planned-write.ts';

const maxInsertBytes = 4 * 1024 * 1024;
const maxParameters = 65_535;

type Input = Readonly<Record<string, unknown>>;

/** What decides on the slot of a row that is its own owner and has no id yet: any would do. */
interface Choice {
  /** Where the transaction is that it is inserted in. */
  readonly within?: Route;
  /** From 0 up to 1. Default: drawn. */
  readonly chance?: number;
}

/** Checks a row, routes it and gives it an id if it has none. */
export function planInsert<Schema extends RowSchema>(
  runtime: TableRuntime<Schema>,
  topology: Topology,
  input: Input,
  { within, chance = Math.random() }: Choice = {},
): PlannedRow<Schema> {
  const { table, codec, audited, locateIp } = runtime;
  const makesId = codec.makesIds && input[table.primaryKey] === undefined;
  const parsed = codec.parse(makesId ? { ...input, [table.primaryKey]: sampleId } : input);
  const ownId = makesId ? undefined : codec.key(Reflect.get(parsed, table.primaryKey)).text;
  const { route, named, id } = audited('insert', () =>
    routeNewRow({ topology, table, locateIp }, parsed, ownId, within, chance),
  );
  // A key of its own is stored as the schema gives it, z.string().trim() say: so it was routed.
  const complete = makesId ? { ...parsed, [table.primaryKey]: id } : parsed;
  return plannedRow(runtime, complete, route, makesId ? undefined : named);
}

function plannedRow<Schema extends RowSchema>(
  runtime: TableRuntime<Schema>,
  row: Input,
  route: Route,
  named: Route | undefined,
): PlannedRow<Schema> {
  const { table, codec } = runtime;
  const values = codec.encode(row);
  return {
    route,
    key: codec.key(row[table.primaryKey]),
    row: codec.stored(values, row),
    named,
    isFresh: named === undefined,
    values,
    at(elsewhere) {
      if (elsewhere.locator === route.locator) return this;
      if (named !== undefined) {
        assertBelongs(table, route, elsewhere);
        return plannedRow(runtime, row, elsewhere, named);
      }
      const { code } = keyspaceOf(route.topology, table.keyspace);
      const id = newId(code, elsewhere.locator);
      return plannedRow(runtime, { ...row, [table.primaryKey]: id }, elsewhere, undefined);
    },
  };
}

export function planUpdate<Schema extends RowSchema>(
  { table, codec, statements, audited, locateIp }: TableRuntime<Schema>,
  topology: Topology,
  value: ShardKey,
  patch: Input,
): PlannedChange {
  const key = codec.key(value);
  const home = routePrimaryKey(topology, table, value);
  assertKeysStay(table, patch);
  const { columns, values } = codec.encodePatch(patch);
  const statement = statements.update(columns, values, key.param);
  return {
    home,
    key,
    touchesPlace: touchesPlace(table, patch),
    after: Object.fromEntries(columns.map((name, index) => [name, values[index] ?? null])),
    statementAt(route) {
      audited('update', () => assertStays({ topology, table, locateIp }, route, patch));
      return statement;
    },
  };
}

export function planDelete<Schema extends RowSchema>(
  { table, codec, statements }: TableRuntime<Schema>,
  topology: Topology,
  value: ShardKey,
): PlannedChange {
  const key = codec.key(value);
  const home = routePrimaryKey(topology, table, value);
  const statement = statements.remove(key.param);
  return { home, key, touchesPlace: false, after: null, statementAt: () => statement };
}

/** Cuts rows into statements of at most 256 rows and about 4 MB. */
export function insertBatches<Schema extends RowSchema>(
  rows: readonly PlannedRow<Schema>[],
  maxPacketBytes: number,
): (readonly PlannedRow<Schema>[])[] {
  const most = mostOfInsert(rows, maxPacketBytes);
  const batches: PlannedRow<Schema>[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const size = row.values.reduce<number>((sum, value) => sum + sizeOf(value), 0);
    const batch = batches[batches.length - 1];
    if (batch === undefined || batch.length === most.rows || bytes + size > most.bytes) {
      batches.push([row]);
      bytes = size;
    } else {
      batch.push(row);
      bytes += size;
    }
  }
  return batches;
}

/** A server takes 65,535 parameters in one statement, and as many bytes as it is set to. */
function mostOfInsert(
  rows: readonly { readonly values: readonly SqlValue[] }[],
  maxPacketBytes: number,
) {
  const columns = rows[0]?.values.length ?? 1;
  return {
    rows: Math.max(1, Math.min(maxRowsPerInsert, Math.floor(maxParameters / columns))),
    bytes: Math.min(maxInsertBytes, maxPacketBytes / 2),
  };
}

function sizeOf(value: SqlValue): number {
  if (typeof value === 'string') return value.length * 3 + 16;
  return value instanceof Uint8Array ? value.length + 16 : 48;
}
