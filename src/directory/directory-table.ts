import { now, type SystemTable } from '../mysql/schema/system-tables.ts';
import type { RawRow, SqlValue, Statement } from '../mysql/sql/sql.ts';

/** Which row holds a unique value that carries no slot. */
export const directoryTable = 'meridian_directory';

export const directoryDefinition: SystemTable = {
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
};

/**
 * - `reserved`: the row's transaction may be about to commit.
 * - `confirmed`: it has committed.
 * - `leaving`: a transaction that takes the value from the row may be about to commit.
 */
export type EntryState = 'reserved' | 'leaving' | 'confirmed';

/** What names an entry: a lookup and a value, in the form in which it is stored. */
export interface EntryKey {
  readonly lookup: string;
  readonly value: Uint8Array;
}

/** Which row holds a value. */
export interface EntryOwner {
  /** Text of the row's primary key. */
  readonly rowKey: string;
  /** Names the slot where the row's transaction runs. */
  readonly locator: number;
}

export interface Entry extends EntryKey, EntryOwner {
  /** Of the attempt that wrote the entry last: whoever changes it compares. */
  readonly token: Buffer;
  readonly state: EntryState;
  /** Milliseconds since its last change, by the server's clock. */
  readonly ageMs: number;
}

const columns = 'lookup, value, row_key, locator, token, state';
const selected = `SELECT ${columns}, TIMESTAMPDIFF(MICROSECOND, changed_at, NOW(6)) AS age FROM ${directoryTable}`;
const isKey = 'lookup = ? AND value = ?';
/** Not by the index over states, which would lock the entries of all attempts under way. */
const isState = 'CONCAT(state) = ?';

/** Reserves values for rows, all or none of them; a duplicate key says that one is taken. */
export function insertReserved(
  token: Uint8Array,
  entries: readonly (EntryKey & EntryOwner)[],
): Statement {
  const row = "(?, ?, ?, ?, ?, 'reserved')";
  return {
    sql: `INSERT INTO ${directoryTable} (${columns}) VALUES ${entries.map(() => row).join(', ')}`,
    params: entries.flatMap(({ lookup, value, rowKey, locator }) => [
      lookup,
      value,
      Buffer.from(rowKey),
      locator,
      token,
    ]),
    once: entries.length > 2,
  };
}

/** Announces that values are to leave their rows. Touches confirmed entries of those rows only. */
export function markLeaving(
  token: Uint8Array,
  entries: readonly (EntryKey & EntryOwner)[],
): Statement {
  const { sql, params } = anyOwned(entries);
  return {
    sql:
      `UPDATE ${directoryTable} SET state = 'leaving', token = ?, locator = ?, changed_at = NOW(6) ` +
      `WHERE ${isState} AND (${sql})`,
    params: [token, entries[0]?.locator ?? 0, 'confirmed', ...params],
    once: entries.length > 2,
  };
}

/** Gives a confirmed entry, whose row was found not to hold the value, to another row. */
export function takeOver(
  token: Uint8Array,
  { lookup, value, rowKey, locator }: EntryKey & EntryOwner,
  previous: Uint8Array,
): Statement {
  return {
    sql:
      `UPDATE ${directoryTable} SET state = 'reserved', token = ?, row_key = ?, locator = ?, changed_at = NOW(6) ` +
      `WHERE ${isKey} AND token = ? AND ${isState}`,
    params: [token, Buffer.from(rowKey), locator, lookup, value, previous, 'confirmed'],
  };
}

/** Makes entries of an attempt that are in the state `from` confirmed ones. */
export function confirmEntries(
  token: Uint8Array,
  from: Exclude<EntryState, 'confirmed'>,
  entries: readonly (EntryKey & Pick<EntryOwner, 'rowKey'>)[],
): Statement {
  const { sql, params } = anyOwned(entries);
  return {
    sql: `UPDATE ${directoryTable} SET state = 'confirmed', changed_at = NOW(6) WHERE token = ? AND ${isState} AND (${sql})`,
    params: [token, from, ...params],
    once: entries.length > 2,
  };
}

/** Removes entries of an attempt that are in the state `from`. */
export function deleteEntries(
  token: Uint8Array,
  from: Exclude<EntryState, 'confirmed'>,
  entries: readonly (EntryKey & Pick<EntryOwner, 'rowKey'>)[],
): Statement {
  const { sql, params } = anyOwned(entries);
  return {
    sql: `DELETE FROM ${directoryTable} WHERE token = ? AND ${isState} AND (${sql})`,
    params: [token, from, ...params],
    once: entries.length > 2,
  };
}

/** The entries of some values, for `readEntry`. */
export function selectEntries(keys: readonly EntryKey[]): Statement {
  return {
    sql: `${selected} WHERE ${keys.map(() => `(${isKey})`).join(' OR ')}`,
    params: keys.flatMap(({ lookup, value }) => [lookup, value]),
    once: keys.length > 2,
  };
}

/** A page of the entries that were left unconfirmed for longer than that, oldest first. */
export function selectDangling(olderThanMs: number, limit: number, offset: number): Statement {
  return {
    sql:
      `${selected} WHERE state IN ('reserved', 'leaving') AND changed_at <= NOW(6) - INTERVAL ? MICROSECOND ` +
      `ORDER BY changed_at, lookup, value LIMIT ${limit} OFFSET ${offset}`,
    params: [Math.round(olderThanMs * 1_000)],
    once: offset > 0,
  };
}

export function readEntry(row: RawRow): Entry {
  const { lookup, value, row_key: rowKey, locator, token, state, age } = row;
  if (!Buffer.isBuffer(value) || !Buffer.isBuffer(rowKey) || !Buffer.isBuffer(token)) {
    throw new TypeError(`${directoryTable} has other columns than it was created with`);
  }
  return {
    lookup: String(lookup),
    value,
    rowKey: rowKey.toString(),
    locator: Number(locator),
    token,
    state: state === 'reserved' || state === 'leaving' ? state : 'confirmed',
    ageMs: Number(age) / 1_000,
  };
}

/** Written as OR: MariaDB does not use the index for a list of pairs. */
function anyOwned(entries: readonly (EntryKey & Pick<EntryOwner, 'rowKey'>)[]): {
  sql: string;
  params: SqlValue[];
} {
  return {
    sql: entries.map(() => `(${isKey} AND row_key = ?)`).join(' OR '),
    params: entries.flatMap(({ lookup, value, rowKey }) => [lookup, value, Buffer.from(rowKey)]),
  };
}
