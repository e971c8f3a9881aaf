import { commitRecordTable, insertRecord } from '../commit/commit-record-table.ts';
import { type MoveState, moveState, movesTable } from '../forwarding/forward-table.ts';
import { bytesOf, type Statement } from '../mysql/sql/sql.ts';

/** An owner on the way from one shard to another. Recorded on the shard it leaves. */
export interface Move {
  /** The table of the owners. */
  readonly table: string;
  /** The owner's id. */
  readonly owner: Buffer;
  readonly moveId: Buffer;
  /** The slot that is left, as the shard that is left knows it. */
  readonly fromLocator: number;
  readonly toLocator: number;
}

/** The variable in which a mover's session names its move. */
export const arrivingVariable = '@meridian_arriving';

/**
 * Rows that stand for no owner, spread evenly over the keys. To ask a fence about an owner who is not
 * on record the server locks the gap between the keys beside him, and no move can be announced in it
 * until the transaction that asked has ended: so the gaps must be small. Reversed, the random end of an
 * id comes first, not its time, by which they would all be in one gap.
 */
export const spreadKeys = (table: string): Statement => ({
  sql:
    `INSERT IGNORE INTO ${movesTable} (owner_table, reversed_owner, move_id, slot, to_locator, state) VALUES ` +
    Array(gaps).fill("(?, ?, '', 0, 0, 'none')").join(', '),
  params: Array.from({ length: gaps }, (_, index) => {
    const key = Buffer.alloc(16);
    key.writeUInt16BE((index * 0x1_00_00) / gaps);
    return [table, key];
  }).flat(),
  once: true,
});

/** A row if {@link spreadKeys} has been at work. */
export const keysAreSpread = (table: string): Statement => ({
  sql: `SELECT 1 AS found FROM ${movesTable} WHERE owner_table = ? AND reversed_owner = ?`,
  params: [table, Buffer.alloc(16)],
});

/** A row if an owner of the table has left the shard, or is about to. */
export const hasDeparted = (table: string): Statement => ({
  sql: `SELECT 1 AS found FROM ${movesTable} WHERE owner_table = ? AND state <> 'none' LIMIT 1`,
  params: [table],
});

/** The tables of which an owner has left the shard, or a mover has begun to see to it. */
export const readLeavingTables: Statement = {
  sql: `SELECT DISTINCT owner_table AS tbl FROM ${movesTable}`,
  params: [],
};

const gaps = 1_024;

const reversed = (owner: Buffer): Buffer => Buffer.from(owner).reverse();

export const announceMove = ({
  table,
  owner,
  moveId,
  fromLocator,
  toLocator,
}: Move): Statement => ({
  sql: `INSERT INTO ${movesTable} (owner_table, reversed_owner, move_id, slot, to_locator, state) VALUES (?, ?, ?, ?, ?, 'announced')`,
  params: [table, reversed(owner), moveId, fromLocator, toLocator],
});

/**
 * From here on the rows may be on both sides, so nobody may change them on either until the move has
 * ended. Outside of the mover's transaction: it must hold when that is rolled back.
 */
export const beginCrossing = ({ table, owner, moveId }: Move): Statement => ({
  sql: `UPDATE ${movesTable} SET crossing = 1, changed_at = changed_at WHERE owner_table = ? AND reversed_owner = ? AND move_id = ? AND state = 'announced'`,
  params: [table, reversed(owner), moveId],
});

/**
 * Part of the mover's transaction, which may then change the rows. The lock that it takes decides: who
 * holds it is the only one who can cut over.
 */
export const lockCrossing = ({ table, owner, moveId }: Move): Statement => ({
  sql: `UPDATE ${movesTable} SET crossing = 0, changed_at = changed_at WHERE owner_table = ? AND reversed_owner = ? AND move_id = ? AND state = 'announced' AND crossing = 1`,
  params: [table, reversed(owner), moveId],
});

export const cutoverMove = ({ table, owner, moveId }: Move): Statement => ({
  sql: `UPDATE ${movesTable} SET state = 'moved', changed_at = CURRENT_TIMESTAMP(6) WHERE owner_table = ? AND reversed_owner = ? AND move_id = ?`,
  params: [table, reversed(owner), moveId],
});

/** From here on the move can't cut over any more. Waits for a cutover that is under way. */
export const reverseMove = ({ table, owner, moveId }: Move): Statement => ({
  sql: `UPDATE ${movesTable} SET state = 'reversing', changed_at = CURRENT_TIMESTAMP(6) WHERE owner_table = ? AND reversed_owner = ? AND move_id = ? AND state IN ('announced', 'reversing')`,
  params: [table, reversed(owner), moveId],
});

export const removeReversedMove = ({ table, owner, moveId }: Move): Statement => ({
  sql: `DELETE FROM ${movesTable} WHERE owner_table = ? AND reversed_owner = ? AND move_id = ? AND state = 'reversing'`,
  params: [table, reversed(owner), moveId],
});

export const moveNotified = ({ table, owner, moveId }: Move): Statement => ({
  sql: `UPDATE ${movesTable} SET notified = 1 WHERE owner_table = ? AND reversed_owner = ? AND move_id = ?`,
  params: [table, reversed(owner), moveId],
});

/**
 * An owner who once left the shard comes back with this move. Until the move has cut over the shard
 * goes on refusing rows of this owner from everybody but the mover, who names the move in a variable
 * of its session.
 */
export const expectArrival = ({ table, owner, moveId }: Move): Statement => ({
  sql: `UPDATE ${movesTable} SET arriving = ?, changed_at = changed_at WHERE owner_table = ? AND reversed_owner = ? AND state = 'moved'`,
  params: [moveId, table, reversed(owner)],
});

export const nameArrival = (moveId: Buffer | null): Statement => ({
  sql: `SET ${arrivingVariable} = ?`,
  params: [moveId],
});

/** The owner did not come. */
export const cancelArrival = ({ table, owner, moveId }: Move): Statement => ({
  sql: `UPDATE ${movesTable} SET arriving = NULL, changed_at = changed_at WHERE owner_table = ? AND reversed_owner = ? AND arriving = ?`,
  params: [table, reversed(owner), moveId],
});

/** The owner is back: the shard forgets that it had left. */
export const forgetDeparture = ({ table, owner, moveId }: Move): Statement => ({
  sql: `DELETE FROM ${movesTable} WHERE owner_table = ? AND reversed_owner = ? AND arriving = ?`,
  params: [table, reversed(owner), moveId],
});

const moveColumns = `owner_table AS tbl, reversed_owner AS owner, move_id AS moveId, slot, to_locator AS toLocator, state, crossing, notified, arriving,
  CAST(TIMESTAMPDIFF(MICROSECOND, changed_at, CURRENT_TIMESTAMP(6)) / 1000 AS SIGNED) AS ageMs`;

/** The move of one owner, if the shard has one on record. */
export const readMove = (table: string, owner: Buffer): Statement => ({
  sql: `SELECT ${moveColumns} FROM ${movesTable} WHERE owner_table = ? AND reversed_owner = ?`,
  params: [table, reversed(owner)],
});

/** Moves whose mover has not finished: all of them, for nobody keeps a finished one unnotified. */
export const readUnfinishedMoves: Statement = {
  sql: `SELECT ${moveColumns} FROM ${movesTable} WHERE state IN ('announced', 'reversing') OR state = 'moved' AND notified = 0`,
  params: [],
};

export interface RecordedMove extends Move {
  readonly state: MoveState;
  /** The rows may be on both sides; nobody may change them until the move has ended. */
  readonly crossing: boolean;
  readonly notified: boolean;
  /** The later move by which the owner came back, where that has not been tidied up. */
  readonly arriving: Buffer | undefined;
  /** Milliseconds since its state changed, by the server's clock. */
  readonly ageMs: number;
}

export function recordedMove(row: Readonly<Record<string, unknown>>): RecordedMove {
  return {
    table: String(row.tbl),
    owner: reversed(bytesOf(row.owner)),
    moveId: bytesOf(row.moveId),
    fromLocator: Number(row.slot),
    toLocator: Number(row.toLocator),
    state: moveState(row.state),
    crossing: Number(row.crossing) === 1,
    notified: Number(row.notified) === 1,
    arriving: row.arriving === null ? undefined : bytesOf(row.arriving),
    ageMs: Number(row.ageMs),
  };
}

/** Part of the transaction that brings the rows: its outcome is then on record where they are. */
export const recordArrival = ({ moveId }: Move): Statement => insertRecord(moveId, 'arrived');

/** Rules an arrival out, unless it is on record. Waits for one that is under way. */
export const refuseArrival = ({ moveId }: Move): Statement => ({
  sql: `INSERT INTO ${commitRecordTable} (token, outcome) VALUES (?, 'aborted') ON DUPLICATE KEY UPDATE token = token`,
  params: [moveId],
});

/** Undoes a recorded arrival, together with the rows. */
export const undoArrival = ({ moveId }: Move): Statement => ({
  sql: `UPDATE ${commitRecordTable} SET outcome = 'aborted', settled_at = CURRENT_TIMESTAMP(6) WHERE token = ? AND outcome = 'arrived'`,
  params: [moveId],
});

export const forgetArrival = ({ moveId }: Move): Statement => ({
  sql: `DELETE FROM ${commitRecordTable} WHERE token = ? AND outcome = 'arrived'`,
  params: [moveId],
});
