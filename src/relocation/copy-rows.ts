import { idempotencyTable } from '../commit/idempotency-table.ts';
import type { TransactionScope } from '../commit/transaction-scope.ts';
import { DuplicateKeyError } from '../errors/database-error.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { RawRow, SqlValue } from '../mysql/sql/sql.ts';
import { ownerParam } from './moving-group.ts';
import { unfit, unverified } from './relocation-refusals.ts';
import {
  type CopiedTable,
  checksum,
  countTypedJson,
  insertChunk,
  selectChunk,
  sqlValue,
  typedJsonColumns,
} from './row-copy.ts';

const rowsPerChunk = 250;
const bytesPerInsert = 4 * 1024 * 1024;
/** A statement has at most 65,535 parameters. */
const mostParams = 60_000;

/** Copies an owner's rows of one table from one open transaction into another, and locks them. */
export async function copyRows(
  table: CopiedTable,
  owner: Buffer,
  source: TransactionScope,
  target: TransactionScope,
): Promise<number> {
  const param = ownerParam(table, owner);
  let copied = 0;
  let after: SqlValue | undefined;
  for (;;) {
    const { rows } = await source.run(selectChunk(table, param, after, rowsPerChunk));
    for (const part of parts(rows, table.columns.length)) await insert(table, part, target);
    copied += rows.length;
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsPerChunk) return copied;
    after = sqlValue(last[table.primaryKey.name]);
  }
}

/** The server's numbers for a value that it stored once and, in this sql_mode, would not store again. */
const refusedValues = new Set<number | undefined>([1264, 1265, 1292, 1366, 1406]);

async function insert(
  table: CopiedTable,
  rows: readonly RawRow[],
  target: TransactionScope,
): Promise<void> {
  try {
    await target.run(insertChunk(table, rows));
  } catch (error) {
    if (error instanceof DuplicateKeyError && table.table !== idempotencyTable) {
      const { key } = error.context;
      throw unfit(
        `: a row of '${table.table}' has a value of unique key '${key}' that another row has where it would go. Such a key is unique on ` +
          'each shard only: give one of the two another value, drop the key, or make its column a lookup.',
        { table: table.table, key },
        error,
      );
    }
    const fault = isMeridianError(error) ? error.cause : undefined;
    if (!(fault instanceof DriverFault && refusedValues.has(fault.errno))) throw error;
    const column = fault.column === undefined ? 'a column' : `column '${fault.column}'`;
    throw unfit(
      `: ${column} of '${table.table}' holds a value that the server would not store again (${fault.message}): ` +
        "the '' of an ENUM, a date that does not exist, what an older sql_mode let in. Give the rows of this owner a value that fits.",
      { table: table.table, column: fault.column },
      error,
    );
  }
}

/**
 * Refuses rows whose JSON is of more types than its text tells: the other server would store text.
 *
 * @throws {RelocationError} naming the column.
 */
export async function assertPlainJson(
  table: CopiedTable,
  owner: Buffer,
  source: TransactionScope,
): Promise<void> {
  const columns = typedJsonColumns(table);
  if (columns.length === 0) return;
  const { rows } = await source.run(countTypedJson(table, columns, ownerParam(table, owner)));
  const odd = columns.find((_, place) => Number(rows[0]?.[`c${place}`]) > 0);
  if (odd === undefined) return;
  throw unfit(
    `: column '${odd.name}' of '${table.table}' holds JSON of a type that JSON text lacks (a date, a time, bytes ` +
      'or a DECIMAL that SQL put there), which would arrive as text or as another number. Make it text first, in the rows of this ' +
      `owner: ${odd.name} = CAST(CAST(${odd.name} AS CHAR) AS JSON).`,
    { table: table.table, column: odd.name },
  );
}

/**
 * Compares what left with what arrived, computed by the servers from what they store.
 *
 * @throws {RelocationError} when they differ.
 */
export async function verifyRows(
  table: CopiedTable,
  owner: Buffer,
  source: TransactionScope,
  target: TransactionScope,
): Promise<void> {
  const statement = checksum(table, ownerParam(table, owner));
  const [left, arrived] = await Promise.all([source.run(statement), target.run(statement)]);
  if (JSON.stringify(left.rows) === JSON.stringify(arrived.rows)) return;
  throw unverified(table.table);
}

function parts(rows: readonly RawRow[], columns: number): RawRow[][] {
  const result: RawRow[][] = [];
  const mostRows = Math.max(1, Math.floor(mostParams / columns));
  let bytes = 0;
  for (const row of rows) {
    const size = sizeOf(row);
    const part = result.at(-1);
    if (part === undefined || part.length === mostRows || bytes + size > bytesPerInsert) {
      result.push([row]);
      bytes = size;
    } else {
      part.push(row);
      bytes += size;
    }
  }
  return result;
}

function sizeOf(row: RawRow): number {
  return Object.values(row).reduce<number>((sum, value) => {
    if (typeof value === 'string') return sum + value.length * 3;
    return sum + (value instanceof Uint8Array ? value.length : 16);
  }, 0);
}
