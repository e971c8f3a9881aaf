import type { Cancellation } from './cancellation.ts';
import type { Session } from './session.ts';
import { quoteName, type SqlValue } from './sql.ts';
import { directoryTable } from './system-tables.ts';

/** Who a shard's database says it is. */
export interface IdentityRow {
  /** One value for all databases of one system, drawn at first use. */
  readonly system: string;
  readonly keyspace: string;
  readonly shard: string;
  /** Fingerprint of the slots that live here. */
  readonly slots: string;
}

export const identityTable = 'meridian_identity';

/** What `systemTables: 'create'` runs; printed for the user when it may not. */
export const identityDdl = `CREATE TABLE IF NOT EXISTS ${identityTable} (
  id TINYINT NOT NULL PRIMARY KEY CHECK (id = 1),
  system_id CHAR(36) NOT NULL,
  keyspace_name VARCHAR(63) NOT NULL,
  shard_name VARCHAR(63) NOT NULL,
  slots CHAR(16) NOT NULL,
  recorded_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
) ENGINE=InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin`;

const tableMissing = 1146;

/** Reads the identity; undefined when the database has none yet. */
export async function readIdentity(
  session: Session,
  cancellation: Cancellation,
): Promise<IdentityRow | undefined> {
  const sql = `SELECT system_id, keyspace_name, shard_name, slots FROM ${identityTable} WHERE id = 1`;
  try {
    const { rows } = await session.run({ sql, params: [] }, cancellation);
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      system: String(row.system_id),
      keyspace: String(row.keyspace_name),
      shard: String(row.shard_name),
      slots: String(row.slots),
    };
  } catch (error) {
    if (error instanceof Error && 'errno' in error && error.errno === tableMissing)
      return undefined;
    throw error;
  }
}

/** Records the identity unless another process was first; returns the one that is recorded. */
export async function claimIdentity(
  session: Session,
  claim: IdentityRow,
  cancellation: Cancellation,
): Promise<IdentityRow> {
  await session.control(identityDdl, cancellation);
  await session.run(
    {
      sql: `INSERT IGNORE INTO ${identityTable} (id, system_id, keyspace_name, shard_name, slots) VALUES (1, ?, ?, ?, ?)`,
      params: identityParams(claim),
    },
    cancellation,
  );
  return (await readIdentity(session, cancellation)) ?? claim;
}

/** Records other slots, unless the recorded ones changed meanwhile. */
export async function replaceSlots(
  session: Session,
  from: string,
  to: string,
  cancellation: Cancellation,
): Promise<boolean> {
  const sql = `UPDATE ${identityTable} SET slots = ? WHERE id = 1 AND slots = ?`;
  return (await session.run({ sql, params: [to, from] }, cancellation)).affected === 1;
}

/**
 * Whether any table that is placed by slots holds a row: all but Meridian's own, the directory
 * counted in, and those named in `except`.
 */
export async function holdsRows(
  session: Session,
  except: ReadonlySet<string>,
  cancellation: Cancellation,
): Promise<boolean> {
  const listed = await session.run(
    {
      sql: `SELECT table_name AS name FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
          AND (LEFT(table_name, 9) <> 'meridian_' OR table_name = ?)`,
      params: [directoryTable],
    },
    cancellation,
  );
  for (const { name } of listed.rows) {
    if (except.has(String(name))) continue;
    const sql = `SELECT 1 FROM ${quoteName(String(name))} LIMIT 1`;
    if ((await session.run({ sql, params: [] }, cancellation)).rows.length > 0) return true;
  }
  return false;
}

function identityParams({ system, keyspace, shard, slots }: IdentityRow): SqlValue[] {
  return [system, keyspace, shard, slots];
}
