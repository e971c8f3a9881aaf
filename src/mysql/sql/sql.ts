/**
 * A value that can be bound to a `?`. JSON is bound as text; `undefined` and arrays are refused.
 *
 * @example
 * const params: SqlValue[] = ['Ada', 42n, new Date(), null];
 * await data.users.at(id).query('SELECT ?, ?, ?, ?', params);
 */
export type SqlValue = string | number | bigint | boolean | Date | Uint8Array | null;

/** One statement and what its `?` stand for. */
export interface Statement {
  readonly sql: string;
  readonly params: readonly SqlValue[];
  /** The text will hardly come again, so it does not stay prepared on the server. */
  readonly once?: boolean;
}

/** A row as the driver hands it over, before any codec. */
export type RawRow = Record<string, unknown>;

/** Sends a statement of the text protocol and gives its rows. */
export type Ask = (sql: string) => Promise<readonly RawRow[]>;

/** A column of a result, as far as merging needs to know it. */
export interface ResultColumn {
  readonly name: string;
  /** The protocol's type number, see `mysql2`'s `Types`. */
  readonly type: number;
  /** The protocol's flags: 128 says that the collation compares bytes. */
  readonly flags: number;
  /** 63 for binary data, the connection's collation for text. */
  readonly charset: number;
  /** Digits after the second of a time. */
  readonly decimals: number;
}

export interface StatementResult {
  readonly rows: readonly RawRow[];
  readonly columns: readonly ResultColumn[];
  /** Rows matched by an UPDATE or DELETE, or added by an INSERT; 0 where the server gave rows. */
  readonly affected: number;
  /** Whether `affected` is the server's count. Of what gave rows nobody knows what it changed. */
  readonly isCounted: boolean;
  /** What LAST_INSERT_ID() would give now, by what the statement itself did. */
  readonly insertId: bigint | undefined;
  /** What a later read must have seen to see this write; undefined when the server gives none. */
  readonly gtid: string | undefined;
}

/** Quotes an identifier: a backtick inside is doubled, so that no name can end the quotes. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** What a binary column came back as. */
export function bytesOf(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value;
  throw new TypeError('a binary column came back as something else');
}
