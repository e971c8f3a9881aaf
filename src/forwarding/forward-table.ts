import { factsTable } from '../identity/facts-table.ts';
import { anyText, now, type SystemTable } from '../mysql/schema/system-tables.ts';
import type { Statement } from '../mysql/sql/sql.ts';

/** Which owners leave or have left the shard. */
export const movesTable = 'meridian_moves';

export const movesDefinition: SystemTable = {
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
};

/** Where each row is now of owners who have left the shard. */
export const forwardTable = 'meridian_forward';

export const forwardDefinition: SystemTable = {
  name: forwardTable,
  columns: `row_table VARCHAR(64) ${anyText} NOT NULL,
  row_id BINARY(16) NOT NULL,
  locator SMALLINT UNSIGNED NOT NULL,
  move_id BINARY(16) NOT NULL,
  PRIMARY KEY (row_table, row_id),
  KEY (move_id)`,
};

/** How far a recorded move has come. */
export type MoveState = 'announced' | 'reversing' | 'moved';

/**
 * The slots that some owner has left, the moves that have not ended, when the last one ended, and the
 * names of facts that begin with `members`: which shards the keyspace has. Of a move that was undone only
 * its outcome in `records` is left.
 */
export const readDepartures = (members: string, records: string): Statement => ({
  sql: `SELECT slot, 'moved' AS state, 0 AS ageMs, NULL AS cutoverAt FROM ${movesTable} WHERE state = 'moved' GROUP BY slot
    UNION ALL SELECT slot, state, CAST(TIMESTAMPDIFF(MICROSECOND, changed_at, CURRENT_TIMESTAMP(6)) / 1000 AS SIGNED), NULL
    FROM ${movesTable} WHERE state IN ('announced', 'reversing')
    UNION ALL SELECT NULL, NULL, 0, CONCAT_WS('/',
      (SELECT MAX(changed_at) FROM ${movesTable} WHERE state = 'moved'),
      (SELECT MAX(settled_at) FROM ${records} WHERE outcome = 'aborted'))
    UNION ALL SELECT NULL, 'member', 0, fact FROM ${factsTable} WHERE fact LIKE CONCAT(?, '%')`,
  params: [members],
});

export function moveState(value: unknown): MoveState {
  return value === 'announced' || value === 'reversing' ? value : 'moved';
}

/** Differs from what it was, in the columns `moves` and `last`, once another owner has left the shard. */
export const readLastMove: Statement = {
  sql: `SELECT COUNT(*) AS moves, CAST(MAX(changed_at) AS CHAR) AS last FROM ${movesTable}`,
  params: [],
};

/** Whether an owner has left this shard, or is leaving: then its tokens are elsewhere. Asked where owners move. */
export function selectDeparture(owner: Uint8Array | null): Statement {
  return {
    sql: `SELECT 1 AS departed FROM ${movesTable} WHERE reversed_owner = REVERSE(?) AND (crossing = 1 OR state = 'moved') LIMIT 1`,
    params: [owner],
  };
}

/** Where a row went that was here: one of a table, or the owner of its group. */
export const readForward = (table: string, owners: string, id: Uint8Array): Statement => ({
  sql: `SELECT locator FROM ${forwardTable} WHERE row_table IN (?, ?) AND row_id = ? LIMIT 1`,
  params: [table, owners, id],
});

/** {@link readForward} of many; padded to the next power of two, so that few texts serve all sizes. */
export const readForwards = (
  table: string,
  owners: string,
  ids: readonly Uint8Array[],
): Statement => {
  const [first] = ids;
  if (first === undefined) throw new TypeError('somebody must be asked for');
  const size = 2 ** Math.ceil(Math.log2(ids.length));
  const padding = Array<Uint8Array>(size - ids.length).fill(first);
  return {
    sql: `SELECT row_id AS id, locator FROM ${forwardTable} WHERE row_table IN (?, ?) AND row_id IN (${Array(size).fill('?').join(', ')})`,
    params: [table, owners, ...ids, ...padding],
  };
};

export const writeForward = (
  table: string,
  id: Uint8Array,
  locator: number,
  moveId: Uint8Array,
): Statement => ({
  sql: `INSERT INTO ${forwardTable} (row_table, row_id, locator, move_id) VALUES (?, ?, ?, ?)
    ON DUPLICATE KEY UPDATE locator = VALUES(locator), move_id = VALUES(move_id)`,
  params: [table, id, locator, moveId],
});
