import { RelocationError } from '../errors/relocation-error.ts';
import type { TransactionScope } from '../execution/transaction-scope.ts';
import {
  type CopiedTable,
  checksum,
  insertChunk,
  selectChunk,
  sqlValue,
} from '../mysql/row-copy.ts';
import type { RawRow, SqlValue } from '../mysql/sql.ts';
import { ownerParam } from './moving-group.ts';

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
    for (const part of parts(rows, table.columns.length))
      await target.run(insertChunk(table, part));
    copied += rows.length;
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsPerChunk) return copied;
    after = sqlValue(last[table.primaryKey.name]);
  }
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
  throw new RelocationError(
    'unverified',
    `Nothing was moved: the rows of '${table.table}' that arrived are not those that left. ` +
      'Do the two servers store the same values differently (collation, sql_mode, a trigger)?',
    { context: { table: table.table } },
  );
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
