import { timeReader } from './read-times.ts';
import type { RawRow, ResultColumn, StatementResult } from './sql.ts';

interface OkHeader {
  readonly affectedRows: number;
  /** Text where a number would lose digits. */
  readonly insertId?: number | string;
  readonly serverStatus?: number;
  readonly stateChanges?: {
    readonly gtids: readonly string[];
    readonly systemVariables: Readonly<Record<string, string>>;
  };
}

/** Gives mysql2's several shapes of a result the one shape of a StatementResult. */
export function readResult(result: unknown, columns: unknown): StatementResult {
  const header = isOkHeader(result) ? result : undefined;
  if (header !== undefined) {
    return {
      rows: [],
      columns: [],
      affected: header.affectedRows,
      isCounted: true,
      insertId: insertIdOf(header),
      gtid: gtidOf(header),
    };
  }
  const rows = isRows(result) ? result : [];
  const described = readColumns(columns);
  const readTimes = timeReader(described);
  if (readTimes !== undefined) for (const row of rows) readTimes(row);
  return {
    rows,
    columns: described,
    affected: 0,
    isCounted: false,
    insertId: undefined,
    gtid: undefined,
  };
}

const inTransaction = 1;
const autocommit = 2;

/**
 * Whether the session is inside a transaction, as the server tells with each OK packet; undefined
 * for rows, with which it does not.
 */
export function isInTransaction(result: unknown): boolean | undefined {
  if (!isOkHeader(result) || result.serverStatus === undefined) return undefined;
  return (result.serverStatus & (inTransaction | autocommit)) !== autocommit;
}

export function readColumns(columns: unknown): readonly ResultColumn[] {
  if (!Array.isArray(columns)) return [];
  return columns.map((column) => ({
    name: String(column.name),
    type: Number(column.columnType),
    flags: Number(column.flags),
    charset: Number(column.characterSet),
    decimals: Number(column.decimals),
  }));
}

/** The protocol has 0 for none, and the driver reads the upper half of the numbers as negative. */
function insertIdOf({ insertId = 0 }: OkHeader): bigint | undefined {
  const id = BigInt.asUintN(64, BigInt(insertId));
  return id === 0n ? undefined : id;
}

/** MariaDB tells its newest GTID as a session variable, MySQL as a GTID of its own. */
function gtidOf({ stateChanges }: OkHeader): string | undefined {
  const gtid = stateChanges?.systemVariables.last_gtid ?? stateChanges?.gtids.join(',');
  return gtid === '' ? undefined : gtid;
}

function isOkHeader(value: unknown): value is OkHeader {
  return (
    typeof value === 'object' && value !== null && 'affectedRows' in value && !Array.isArray(value)
  );
}

function isRows(value: unknown): value is RawRow[] {
  return Array.isArray(value);
}
