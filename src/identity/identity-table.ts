import { DriverFault } from '../errors/driver-fault.ts';
import {
  createSystemTable,
  type SystemTable,
  systemPrefix,
  systemTableDdl,
} from '../mysql/schema/system-tables.ts';
import type { Cancellation } from '../mysql/server/cancellation.ts';
import type { Session } from '../mysql/server/session.ts';
import { type Ask, quoteName, type RawRow, type SqlValue } from '../mysql/sql/sql.ts';

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

const identityDefinition: SystemTable = {
  name: identityTable,
  columns: `id TINYINT NOT NULL PRIMARY KEY CHECK (id = 1),
  system_id CHAR(36) NOT NULL,
  keyspace_name VARCHAR(63) NOT NULL,
  shard_name VARCHAR(63) NOT NULL,
  slots CHAR(16) NOT NULL,
  recorded_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP`,
};

/** What `systemTables: 'create'` runs; printed for the user when it may not. */
export const identityDdl = systemTableDdl(identityDefinition);

const tableMissing = 1146;

const identityQuery = `SELECT system_id, keyspace_name, shard_name, slots FROM ${identityTable} WHERE id = 1`;

/**
 * Holds a new connection of an endpoint against what its database was found to be: behind one address
 * may be another server by now.
 *
 * @throws {DriverFault} when it leads elsewhere.
 */
export async function verifyIdentity(
  ask: Ask,
  expected: IdentityRow,
  role: 'primary' | 'replica',
): Promise<void> {
  const [row] = await ask(`SELECT i.*, @@GLOBAL.read_only AS read_only FROM (${identityQuery}) i`);
  const refusal = refusalOf(row, expected, role);
  if (refusal !== undefined) throw new DriverFault(refusal, { phase: 'connecting' });
}

function refusalOf(
  row: RawRow | undefined,
  { system, keyspace, shard, slots }: IdentityRow,
  role: 'primary' | 'replica',
): string | undefined {
  if (row === undefined) return 'this address leads to a database that does not say who it is';
  const found = identityOf(row);
  if (found.system !== system || found.keyspace !== keyspace || found.shard !== shard) {
    return `this address leads to shard '${found.shard}' of keyspace '${found.keyspace}' now, not to '${shard}' of '${keyspace}'`;
  }
  // A replica may not have heard of what was recorded anew.
  if (role === 'replica') return undefined;
  if (isOn(row.read_only)) {
    return 'this address leads to a server that is read-only now, as a replica is';
  }
  return found.slots === slots
    ? undefined
    : `the slots of shard '${shard}' were recorded anew since this process started: it runs on an older topology`;
}

/** Whether a server takes no writes from applications: no primary does that. */
export async function isReadOnly(session: Session, cancellation: Cancellation): Promise<boolean> {
  const sql = 'SELECT @@GLOBAL.read_only AS read_only';
  const { rows } = await session.run({ sql, params: [] }, cancellation);
  return isOn(rows[0]?.read_only);
}

/** A number, or from MariaDB 12 on a word. */
function isOn(value: unknown): boolean {
  return !['0', 'OFF'].includes(String(value));
}

/** Reads the identity; undefined when the database has none yet. */
export async function readIdentity(
  session: Session,
  cancellation: Cancellation,
): Promise<IdentityRow | undefined> {
  try {
    const { rows } = await session.run({ sql: identityQuery, params: [] }, cancellation);
    return rows[0] && identityOf(rows[0]);
  } catch (error) {
    if (error instanceof Error && 'errno' in error && error.errno === tableMissing)
      return undefined;
    throw error;
  }
}

function identityOf(row: RawRow): IdentityRow {
  return {
    system: String(row.system_id),
    keyspace: String(row.keyspace_name),
    shard: String(row.shard_name),
    slots: String(row.slots),
  };
}

/** Records the identity unless another process was first; returns the one that is recorded. */
export async function claimIdentity(
  session: Session,
  claim: IdentityRow,
  cancellation: Cancellation,
): Promise<IdentityRow> {
  await createSystemTable(session, identityDefinition, cancellation);
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
 * Whether any table that is placed by slots holds a row: all but those named in `except` and Meridian's
 * own, of which those named in `placed` are counted in.
 */
export async function holdsRows(
  session: Session,
  except: ReadonlySet<string>,
  placed: readonly string[],
  cancellation: Cancellation,
): Promise<boolean> {
  const listed = await session.run(
    {
      sql: `SELECT table_name AS name FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')`,
      params: [],
    },
    cancellation,
  );
  for (const row of listed.rows) {
    const name = String(row.name);
    if (except.has(name) || (name.startsWith(systemPrefix) && !placed.includes(name))) continue;
    const sql = `SELECT 1 FROM ${quoteName(name)} LIMIT 1`;
    if ((await session.run({ sql, params: [] }, cancellation)).rows.length > 0) return true;
  }
  return false;
}

function identityParams({ system, keyspace, shard, slots }: IdentityRow): SqlValue[] {
  return [system, keyspace, shard, slots];
}
