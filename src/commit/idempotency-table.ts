import { selectDeparture } from '../forwarding/forward-table.ts';
import { now, type SystemTable } from '../mysql/schema/system-tables.ts';
import type { RawRow, Statement } from '../mysql/sql/sql.ts';

/** Which operations were applied under a key of the caller's, and what came of them. */
export const idempotencyTable = 'meridian_idempotency';

export const idempotencyDefinition: SystemTable = {
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
};

/** One operation that is to be applied at most once. */
export interface KeyedOperation {
  /** Hash of the caller's key within its scope. */
  readonly token: Uint8Array;
  /** The owner whose rows it concerns, where owners move: the mark moves with them. */
  readonly owner: Uint8Array | null;
  readonly locator: number;
  /** Hash of what is asked for: the same key may not be used for something else. */
  readonly operation: Uint8Array;
}

/** What is on record under a token. */
export interface KeyedOutcome {
  readonly outcome: 'applied' | 'aborted';
  /** Whose mark it is: two calls with one key are two attempts. */
  readonly attempt: Buffer;
  readonly operation: Buffer;
  readonly result: string | undefined;
}

/** Claims a token for an outcome; a duplicate key says that it was claimed before. Waits for whoever has it open. */
export function insertOutcome(
  { token, owner, locator, operation }: KeyedOperation,
  attempt: Uint8Array,
  outcome: KeyedOutcome['outcome'],
): Statement {
  return {
    sql: `INSERT INTO ${idempotencyTable} (token, owner, locator, operation, attempt, outcome) VALUES (?, ?, ?, ?, ?, ?)`,
    params: [token, owner, locator, operation, attempt, outcome],
  };
}

/** The newest state, whatever the transaction has seen before. */
export function selectOutcome(token: Uint8Array): Statement {
  return {
    sql: `SELECT outcome, attempt, operation, result FROM ${idempotencyTable} WHERE token = ? LOCK IN SHARE MODE`,
    params: [token],
  };
}

/**
 * What is on record of an owner's operation, and in `hasLeft` whether the owner has left: one statement that
 * locks nothing, so both are as of one moment.
 */
export function selectOwnedOutcome({ token, owner }: KeyedOperation): Statement {
  const departure = selectDeparture(owner);
  return {
    sql:
      `SELECT EXISTS (${departure.sql}) AS hasLeft, outcome, attempt, operation, result ` +
      `FROM (SELECT 1 AS here) AS here LEFT JOIN ${idempotencyTable} ON token = ?`,
    params: [...departure.params, token],
  };
}

/** Takes over a token under which nothing was applied. */
export function takeOver({ token, operation }: KeyedOperation, attempt: Uint8Array): Statement {
  return {
    sql: `UPDATE ${idempotencyTable} SET outcome = 'applied', operation = ?, attempt = ?, settled_at = NOW(6) WHERE token = ?`,
    params: [operation, attempt, token],
  };
}

export function storeResult(token: Uint8Array, result: string): Statement {
  return {
    sql: `UPDATE ${idempotencyTable} SET result = ? WHERE token = ?`,
    params: [Buffer.from(result), token],
  };
}

/** Forgets up to `limit` tokens that were claimed longer ago than that, by the server's clock. */
export function deleteOldOutcomes(olderThanMs: number, limit: number): Statement {
  return {
    sql:
      `DELETE FROM ${idempotencyTable} WHERE settled_at < NOW(6) - INTERVAL ? MICROSECOND ` +
      `ORDER BY settled_at LIMIT ${limit}`,
    params: [BigInt(Math.round(olderThanMs)) * 1_000n],
  };
}

/**
 * Forgets an owner's marks where the owner is not: those of calls that asked there what became of them, and
 * would be in the way of a return.
 */
export function deleteMarks(owner: Uint8Array): Statement {
  return {
    sql: `DELETE FROM ${idempotencyTable} WHERE owner = ? AND outcome = 'aborted'`,
    params: [owner],
  };
}

export function readOutcome({ outcome, attempt, operation, result }: RawRow): KeyedOutcome {
  if (
    !(operation instanceof Buffer) ||
    !(attempt instanceof Buffer) ||
    (outcome !== 'applied' && outcome !== 'aborted')
  ) {
    throw new TypeError(`${idempotencyTable} was changed by hand`);
  }
  return {
    outcome,
    attempt,
    operation,
    result: result instanceof Buffer ? result.toString() : undefined,
  };
}
