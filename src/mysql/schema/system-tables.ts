import type { Cancellation } from '../server/cancellation.ts';
import type { Session } from '../server/session.ts';

/**
 * Meridian's own tables beside the identity, each where it is needed:
 *
 * - `settlement`, where rows are written in step with another shard: how that work ended, under a
 *   unique token. Whoever inserts the token first decides.
 * - `directory`: which row holds a unique value that carries no slot.
 * - `moves`, `forward`, on geographic shards: which owners leave or have left the shard, and where
 *   each of their rows is now.
 * - `idempotency`, on every shard: which operations were applied under a key of the caller's, and what
 *   came of them.
 * - `facts`, on every shard: what all services that share the data must hold alike.
 */
export type SystemTable =
  | 'settlement'
  | 'directory'
  | 'moves'
  | 'forward'
  | 'idempotency'
  | 'facts';

export const settlementTable = 'meridian_settlement';
export const directoryTable = 'meridian_directory';
export const movesTable = 'meridian_moves';
export const forwardTable = 'meridian_forward';
export const idempotencyTable = 'meridian_idempotency';
export const factsTable = 'meridian_facts';

const options = 'ENGINE=InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin';
/** Names of tables and columns may hold any character. */
const anyText = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
const now = 'TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)';

const ddl: Record<SystemTable, { readonly name: string; readonly columns: string }> = {
  settlement: {
    name: settlementTable,
    columns: `token BINARY(16) NOT NULL PRIMARY KEY,
  outcome ENUM('applied', 'aborted', 'arrived') NOT NULL,
  settled_at ${now},
  KEY (settled_at)`,
  },
  directory: {
    name: directoryTable,
    columns: `lookup VARCHAR(193) NOT NULL,
  value VARBINARY(255) NOT NULL,
  row_key VARBINARY(255) NOT NULL,
  locator SMALLINT UNSIGNED NOT NULL,
  token BINARY(16) NOT NULL,
  state ENUM('reserved', 'leaving', 'confirmed') NOT NULL,
  changed_at ${now},
  PRIMARY KEY (lookup, value),
  KEY (state, changed_at)`,
  },
  moves: {
    name: movesTable,
    columns: `owner_table VARCHAR(64) ${anyText} NOT NULL,
  reversed_owner BINARY(16) NOT NULL,
  move_id BINARY(16) NOT NULL,
  slot SMALLINT UNSIGNED NOT NULL,
  to_locator SMALLINT UNSIGNED NOT NULL,
  state ENUM('announced', 'reversing', 'moved', 'none') NOT NULL,
  crossing TINYINT NOT NULL DEFAULT 0,
  notified TINYINT NOT NULL DEFAULT 0,
  arriving BINARY(16),
  changed_at ${now},
  PRIMARY KEY (owner_table, reversed_owner),
  KEY (state, slot),
  KEY (state, changed_at)`,
  },
  forward: {
    name: forwardTable,
    columns: `row_table VARCHAR(64) ${anyText} NOT NULL,
  row_id BINARY(16) NOT NULL,
  locator SMALLINT UNSIGNED NOT NULL,
  move_id BINARY(16) NOT NULL,
  PRIMARY KEY (row_table, row_id),
  KEY (move_id)`,
  },
  idempotency: {
    name: idempotencyTable,
    columns: `token BINARY(16) NOT NULL PRIMARY KEY,
  owner BINARY(16),
  locator SMALLINT UNSIGNED NOT NULL,
  operation BINARY(16) NOT NULL,
  attempt BINARY(16) NOT NULL,
  outcome ENUM('applied', 'aborted') NOT NULL,
  result MEDIUMBLOB,
  settled_at ${now},
  KEY (owner),
  KEY (settled_at)`,
  },
  facts: {
    name: factsTable,
    columns: `fact VARCHAR(150) ${anyText} NOT NULL PRIMARY KEY,
  value VARCHAR(255) ${anyText} NOT NULL,
  recorded_at ${now}`,
  },
};

/** What creates a system table; printed for the user when the data layer may not. */
export function systemTableDdl(table: SystemTable): string {
  const { name, columns } = ddl[table];
  return `CREATE TABLE IF NOT EXISTS ${name} (\n  ${columns}\n) ${options}`;
}

/** Which of the wanted system tables the session's database lacks. */
export async function missingSystemTables(
  session: Session,
  wanted: readonly SystemTable[],
  cancellation: Cancellation,
): Promise<SystemTable[]> {
  const sql = `SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name LIKE 'meridian\\_%'`;
  const { rows } = await session.run({ sql, params: [] }, cancellation);
  const present = new Set(rows.map(({ name }) => String(name)));
  return wanted.filter((table) => !present.has(ddl[table].name));
}

/** Creates a system table unless another process was first. */
export async function createSystemTable(
  session: Session,
  table: SystemTable,
  cancellation: Cancellation,
): Promise<void> {
  await session.control(systemTableDdl(table), cancellation);
}
