import type { Cancellation } from '../server/cancellation.ts';
import type { Session } from '../server/session.ts';

/** A table of Meridian's own in a shard's database; the room whose protocol it serves declares it. */
export interface SystemTable {
  readonly name: string;
  readonly columns: string;
}

/** With what all names of system tables begin. */
export const systemPrefix = 'meridian_';

const options = 'ENGINE=InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin';
/** For columns with names of tables and columns, which may hold any character. */
export const anyText = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
/** The type of a column that says when. */
export const now = 'TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)';

/** What creates a system table; printed for the user when the data layer may not. */
export function systemTableDdl({ name, columns }: SystemTable): string {
  return `CREATE TABLE IF NOT EXISTS ${name} (\n  ${columns}\n) ${options}`;
}

/** Which of the wanted system tables the session's database lacks. */
export async function missingSystemTables(
  session: Session,
  wanted: readonly SystemTable[],
  cancellation: Cancellation,
): Promise<SystemTable[]> {
  const sql = `SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = DATABASE() AND LEFT(table_name, ?) = ?`;
  const params = [systemPrefix.length, systemPrefix];
  const { rows } = await session.run({ sql, params }, cancellation);
  const present = new Set(rows.map(({ name }) => String(name)));
  return wanted.filter(({ name }) => !present.has(name));
}

/** Creates a system table unless another process was first. */
export async function createSystemTable(
  session: Session,
  table: SystemTable,
  cancellation: Cancellation,
): Promise<void> {
  await session.control(systemTableDdl(table), cancellation);
}
