import { RoutingError } from '../errors/routing-error.ts';

// `/*! … */` and `/*M! … */` are no comments: the server runs what is in them. After `--` a server
// takes control characters for space.
const leading = /^(?:\s+|\/\*(?!M?!)[\s\S]*?\*\/|--(?=[\s\p{Cc}])[^\n]*\n|#[^\n]*\n|\()*/u;
/** Strings, names in backticks, and comments that are none to the server. */
export const quoted =
  /(?:--(?=[\s\p{Cc}])|#)[^\n]*|'(?:[^'\\]|''|\\[\s\S])*'|"(?:[^"\\]|""|\\[\s\S])*"|`[^`]*`|\/\*(?!M?!)[\s\S]*?\*\//gu;
const executable = /\/\*M?!/;

const reads = new Set(['SELECT', 'WITH', 'SHOW', 'EXPLAIN', 'DESCRIBE', 'DESC', 'VALUES', 'TABLE']);
const writes = new Set(['INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'WITH']);
const definitions = new Set([
  'CREATE',
  'ALTER',
  'DROP',
  'TRUNCATE',
  'RENAME',
  'ANALYZE',
  'OPTIMIZE',
]);
// Of the changes, WITH can only begin these; SELECT … FOR UPDATE stays a read.
const changing = /(?<!\bFOR\s+)\bUPDATE\b|\bDELETE\b/i;
// EXPLAIN ANALYZE, by whatever name, runs what it explains.
const analyze = /\b(?:EXPLAIN|DESCRIBE|DESC)\s+ANALYZE\b/i;
// Outlives the statement on its connection, or writes where no schema looks.
const lasting =
  /\b(?:GET_LOCK|RELEASE_LOCK|RELEASE_ALL_LOCKS|SERVICE_GET_(?:READ|WRITE)_LOCKS)\s*\(|:=|\bINTO(?:\s*@|\s+(?:OUTFILE|DUMPFILE)\b)/i;
const temporary = /^\s*\w+\s+(?:OR\s+REPLACE\s+)?TEMPORARY\b/i;

/** Texts that were found to be reads: a service runs few, again and again. */
const knownReads = new Set<string>();
const mostKnown = 1_000;

/** The text without strings, comments and names in backticks, but for names that are called. */
function unquoted(sql: string): string {
  return sql
    .replace(quoted, (found) => (found.startsWith('`') ? found : ' '))
    .replace(/`([^`]*)`(\s*\()?/g, (_, name: string, call?: string) => (call ? `${name}(` : ' '));
}

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
  if (knownReads.has(sql)) return;
  const word = firstWord(sql);
  const bare = sql.replace(quoted, ' ');
  const mayChange = word === 'WITH' || analyze.test(bare);
  assertNothingLasts(sql);
  if (reads.has(word) && !(mayChange && changing.test(bare))) {
    if (knownReads.size >= mostKnown) knownReads.clear();
    knownReads.add(sql);
    return;
  }
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
  assertNothingLasts(sql);
  if (writes.has(word)) return;
  if (definitions.has(word) && !temporary.test(sql.replace(quoted, ' '))) {
    if (!insideTransaction) return;
    throw new RoutingError(
      `'${word}' would commit the transaction; run it outside with at(key).execute().`,
    );
  }
  if (word === 'CALL') {
    throw new RoutingError(
      'A procedure may begin, commit or half apply work without saying so, so its outcome could not be told. ' +
        'Run its statements in a transaction().',
    );
  }
  throw new RoutingError(
    reads.has(word)
      ? `execute() runs changes; '${word}' is a read. Use query().`
      : `'${word || 'This text'}' would change the connection for whoever uses it next. ` +
          'Use transaction() for BEGIN and COMMIT; session settings are not offered.',
  );
}

function assertNothingLasts(sql: string): void {
  const text = unquoted(sql);
  if (executable.test(text)) {
    throw new RoutingError(
      "A comment '/*! … */' is run by some servers and skipped by others, so nobody can tell what this statement does. Write what you mean without it.",
    );
  }
  const [found] = lasting.exec(text) ?? [];
  if (found === undefined) return;
  throw new RoutingError(
    `'${found.trim()}' leaves a lock, a variable or a file behind, which whoever uses the connection next would meet.`,
  );
}
