import { RoutingError } from '../errors/routing-error.ts';

const leading = /^(?:\s+|\/\*[\s\S]*?\*\/|--\s[^\n]*\n|#[^\n]*\n|\()*/;
const quoted = /'(?:[^'\\]|''|\\[\s\S])*'|"(?:[^"\\]|""|\\[\s\S])*"|`[^`]*`|\/\*[\s\S]*?\*\//g;

const reads = new Set(['SELECT', 'WITH', 'SHOW', 'EXPLAIN', 'DESCRIBE', 'DESC', 'VALUES', 'TABLE']);
const writes = new Set(['INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'WITH', 'CALL']);
const definitions = new Set([
  'CREATE',
  'ALTER',
  'DROP',
  'TRUNCATE',
  'RENAME',
  'ANALYZE',
  'OPTIMIZE',
]);
const changing = /\b(?:INSERT|UPDATE|DELETE|REPLACE)\b/i;

/** What kind of statement a raw text is: its first word, in upper case. */
function firstWord(sql: string): string {
  return /^[A-Za-z]+/.exec(sql.replace(leading, ''))?.[0].toUpperCase() ?? '';
}

/**
 * `query` may be sent again after a failure and to a replica, so only reads may pass.
 *
 * @throws {RoutingError} for anything else.
 */
export function assertRead(sql: string): void {
  const word = firstWord(sql);
  const changes = word === 'WITH' && changing.test(sql.replace(quoted, ''));
  if (reads.has(word) && !changes) return;
  throw new RoutingError(
    `query() runs reads; '${word || 'this text'}' is none. Use execute(), which is never sent twice.`,
  );
}

/**
 * `execute` runs one change. What would outlive the statement on its connection (a transaction, a
 * lock, a session variable) would leak to the next caller.
 *
 * @throws {RoutingError} for such a statement; for a definition inside a transaction, which it
 * would commit.
 */
export function assertWrite(sql: string, insideTransaction: boolean): void {
  const word = firstWord(sql);
  if (writes.has(word)) return;
  if (definitions.has(word)) {
    if (!insideTransaction) return;
    throw new RoutingError(
      `'${word}' would commit the transaction; run it outside with at(key).execute().`,
    );
  }
  throw new RoutingError(
    reads.has(word)
      ? `execute() runs changes; '${word}' is a read. Use query().`
      : `'${word || 'This text'}' would change the connection for whoever uses it next. ` +
          'Use transaction() for BEGIN and COMMIT; session settings are not offered.',
  );
}
