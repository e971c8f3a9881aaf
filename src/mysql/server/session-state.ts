import { DriverFault } from '../../errors/driver-fault.ts';
import type { RawRow } from '../sql/sql.ts';

/**
 * What every session is, whatever the server's defaults and `init_connect` are. The lexical checks and
 * the codecs assume it: which quotes are strings, what a backslash is, which bytes a text becomes.
 *
 * - `sql_mode` whole: strict, so that a value the column can't hold is an error; 0 is stored in an
 *   AUTO_INCREMENT column as it is; no mode that changes what a text means or how CHAR is read.
 *   ONLY_FULL_GROUP_BY stays where the server has it: it only refuses.
 * - Character sets utf8mb4; UTC for TIMESTAMP.
 * - `autocommit`, or a write would be acknowledged and lost; no COMMIT that begins anew; no row limit
 *   beside the statement's own; keys and references are checked.
 * - What results depend on beside: the length of GROUP_CONCAT, digits of a division, weeks, names of months.
 * - READ UNCOMMITTED, whose rows may never have been, becomes REPEATABLE READ.
 * - The consistency token in each OK packet.
 *
 * The comments are executable: one line for MariaDB, one for MySQL.
 */
export const sessionSetup = `SET SESSION
  sql_mode=CONCAT_WS(',', 'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION',
    IF(FIND_IN_SET('ONLY_FULL_GROUP_BY', @@SESSION.sql_mode), 'ONLY_FULL_GROUP_BY', NULL)),
  character_set_client=utf8mb4, character_set_connection=utf8mb4, character_set_results=utf8mb4,
  collation_connection=utf8mb4_bin, time_zone='+00:00', autocommit=1, completion_type=NO_CHAIN,
  sql_auto_is_null=0, sql_select_limit=18446744073709551615, foreign_key_checks=1, unique_checks=1,
  group_concat_max_len=1048576, div_precision_increment=4, default_week_format=0, lc_time_names='en_US'
  /*M!100000 , check_constraint_checks=1, tx_read_only=0, tx_isolation=IF(@@SESSION.tx_isolation='READ-UNCOMMITTED','REPEATABLE-READ',@@SESSION.tx_isolation),
    session_track_system_variables='last_gtid' */
  /*!80000 , transaction_read_only=0, transaction_isolation=IF(@@SESSION.transaction_isolation='READ-UNCOMMITTED','REPEATABLE-READ',@@SESSION.transaction_isolation),
    session_track_gtids=OWN_GTID */`;

/**
 * Reads the state back, with what is to be known of the server. Replication demands that `server_id`
 * differs among the servers of a shard; MariaDB's default is the same for all, so host and port say more.
 */
export const sessionQuery = `SELECT CONCAT_WS('/', @@server_id, @@hostname, @@port /*!80000 , @@server_uuid */) AS server,
  CONNECTION_ID() AS thread, @@max_allowed_packet AS max_packet, @@SESSION.sql_mode AS sql_mode, CONCAT_WS(' ',
    @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection,
    @@SESSION.time_zone, @@SESSION.autocommit + 0, @@SESSION.completion_type, @@SESSION.sql_auto_is_null + 0,
    @@SESSION.sql_select_limit, @@SESSION.foreign_key_checks + 0, @@SESSION.unique_checks + 0) AS settings,
  /*M!100000 @@SESSION.tx_isolation AS isolation */ /*!80000 @@SESSION.transaction_isolation AS isolation */`;

const settings = 'utf8mb4 utf8mb4 utf8mb4 utf8mb4_bin +00:00 1 NO_CHAIN 0 18446744073709551615 1 1';
const modes = new Set([
  'ERROR_FOR_DIVISION_BY_ZERO',
  'NO_AUTO_VALUE_ON_ZERO',
  'NO_ENGINE_SUBSTITUTION',
  'STRICT_ALL_TABLES',
  'STRICT_TRANS_TABLES',
]);
const harmlessMode = 'ONLY_FULL_GROUP_BY';

/** Whole seconds that the server has been up. Numbers of threads are given anew after a restart. */
export const uptimeQuery = `SHOW GLOBAL STATUS LIKE 'Uptime'`;

/** When the server was started, on the monotonic clock of this process, to a second or so. */
export function bootedAtMs(status: RawRow | undefined): number {
  return performance.now() - Number(status?.Value) * 1_000;
}

/** What is known of a connection's server since it was opened. */
export interface SessionFacts {
  /** Which server it is: another one after a failover, the same one after a restart. */
  readonly server: string;
  /** The most bytes that the server takes as one statement with its parameters. */
  readonly maxPacketBytes: number;
  /** The number of the server's thread: a proxy greets with one of its own. */
  readonly threadId: number;
}

/** @throws {DriverFault} when the state is not the one that was set: something between has a will of its own. */
export function readSessionFacts(row: RawRow | undefined): SessionFacts {
  const found = String(row?.sql_mode)
    .split(',')
    .filter((mode) => mode !== harmlessMode);
  const isAsSet =
    row?.settings === settings &&
    row.isolation !== 'READ-UNCOMMITTED' &&
    found.length === modes.size &&
    found.every((mode) => modes.has(mode));
  if (!isAsSet) {
    throw new DriverFault(
      'the session is not in the state that was set when it was opened ' +
        `(${String(row?.settings)}; ${String(row?.sql_mode)}; ${String(row?.isolation)}): ` +
        'let a proxy between pass SET statements on',
      { phase: 'connecting' },
    );
  }
  return {
    server: String(row.server),
    maxPacketBytes: Number(row.max_packet),
    threadId: Number(row.thread),
  };
}
