import { anyText, now, type SystemTable } from '../mysql/schema/system-tables.ts';
import type { Cancellation } from '../mysql/server/cancellation.ts';
import type { Session } from '../mysql/server/session.ts';
import type { Statement } from '../mysql/sql/sql.ts';

/** What all services that share the data must hold alike. */
export const factsTable = 'meridian_facts';

export const factsDefinition: SystemTable = {
  name: factsTable,
  columns: `fact VARCHAR(150) ${anyText} NOT NULL PRIMARY KEY,
  value VARCHAR(255) ${anyText} NOT NULL,
  recorded_at ${now}`,
};

/** What is recorded in a shard's database, by name. */
export type RecordedFacts = ReadonlyMap<string, string>;

const tableMissing = 1146;

/** Reads every fact; none where the table is not there yet. */
export async function readFacts(
  session: Session,
  cancellation: Cancellation,
): Promise<RecordedFacts> {
  try {
    const sql = `SELECT fact, value FROM ${factsTable}`;
    const { rows } = await session.run({ sql, params: [] }, cancellation);
    return new Map(rows.map(({ fact, value }) => [String(fact), String(value)]));
  } catch (error) {
    if (error instanceof Error && 'errno' in error && error.errno === tableMissing) {
      return new Map();
    }
    throw error;
  }
}

/** Records facts, each unless another process was first. */
export function insertFacts(
  facts: readonly { readonly name: string; readonly value: string }[],
): Statement {
  return {
    sql: `INSERT IGNORE INTO ${factsTable} (fact, value) VALUES ${facts.map(() => '(?, ?)').join(', ')}`,
    params: facts.flatMap(({ name, value }) => [name, value]),
    once: true,
  };
}

/** Records another value, unless the recorded one changed meanwhile. */
export function replaceFact(fact: string, from: string, to: string): Statement {
  return {
    sql: `UPDATE ${factsTable} SET value = ?, recorded_at = NOW(6) WHERE fact = ? AND value = ?`,
    params: [to, fact, from],
  };
}

/** The value of one fact; no row where it is not recorded. */
export function selectFact(fact: string): Statement {
  return { sql: `SELECT value FROM ${factsTable} WHERE fact = ?`, params: [fact] };
}

/** As {@link selectFact}, and keeps it as it is until the transaction has ended. */
export function holdFact(fact: string): Statement {
  const { sql, params } = selectFact(fact);
  // For FOR SHARE, unlike the older form, MySQL asks for no right to write.
  return { sql: `${sql} /*!80000 FOR SHARE */ /*M! LOCK IN SHARE MODE */`, params };
}

/** What needs a right to change facts, and changes none. */
export const factsRights = {
  INSERT: `INSERT INTO ${factsTable} (fact, value) SELECT fact, value FROM ${factsTable} WHERE 1 = 0`,
  UPDATE: `UPDATE ${factsTable} SET recorded_at = recorded_at WHERE 1 = 0`,
  DELETE: `DELETE FROM ${factsTable} WHERE 1 = 0`,
} as const;

/** What makes a database forget a fact; printed for the operator, who alone may know that it is over. */
export function forgetFactSql(fact: string): string {
  return `DELETE FROM ${factsTable} WHERE fact = ${quoted(fact)}`;
}

/** What records a fact in the place of another value; printed where the user may not do so. */
export function recordFactSql({ name, value }: { name: string; value: string }): string {
  return `INSERT INTO ${factsTable} (fact, value) VALUES (${quoted(name)}, ${quoted(value)}) ON DUPLICATE KEY UPDATE value = ${quoted(value)};`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
}

/** A fact, and those of a prefix with the seconds since they were recorded last. */
export function selectFactAndAges(fact: string, prefix: string): Statement {
  return {
    sql: `SELECT fact, value, TIMESTAMPDIFF(SECOND, recorded_at, NOW(6)) AS age FROM ${factsTable} WHERE fact = ? OR LEFT(fact, ?) = ?`,
    params: [fact, prefix.length, prefix],
  };
}

/** Records a fact, or that it still holds. */
export function touchFact(fact: string): Statement {
  return {
    sql: `INSERT INTO ${factsTable} (fact, value) VALUES (?, '') ON DUPLICATE KEY UPDATE recorded_at = NOW(6)`,
    params: [fact],
  };
}

/** Forgets one fact. */
export function deleteFact(fact: string): Statement {
  return { sql: `DELETE FROM ${factsTable} WHERE fact = ?`, params: [fact] };
}

/** Forgets the facts of a prefix that nobody has recorded again for so long. */
export function deleteOldFacts(prefix: string, seconds: number): Statement {
  return {
    sql: `DELETE FROM ${factsTable} WHERE LEFT(fact, ?) = ? AND recorded_at < NOW(6) - INTERVAL ? SECOND`,
    params: [prefix.length, prefix, seconds],
  };
}
