/**
 * `word`: a keyword, a name without quotes, or what follows a dot. `name`: in backticks. `variable`:
 * `@x` as a whole; of `@@x` only the two signs. `hidden`: text that some servers run or read otherwise
 * than others. `open`: a string, name or comment that nothing closes.
 */
export type TokenKind =
  | 'word'
  | 'name'
  | 'text'
  | 'number'
  | 'variable'
  | 'symbol'
  | 'hidden'
  | 'open';

export interface SqlToken {
  readonly kind: TokenKind;
  /** As written; of a word in upper case, of a name without its backticks. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** How many parentheses are open around it; those themselves count as outside. */
  readonly depth: number;
  /** A word or name right after a dot: the server takes it for a name whatever it says. */
  readonly qualified: boolean;
}

// The server's own lexical rules: MariaDB sql/sql_lex.cc and MySQL sql/sql_lex.cc, `lex_one_token`, in a
// session whose sql_mode has none of ANSI_QUOTES, NO_BACKSLASH_ESCAPES, ORACLE and PIPES_AS_CONCAT, and
// whose client character set is utf8mb4. Sessions are opened so. Space is what the C library calls so in
// that set, not what JavaScript does: every character past ASCII belongs to a name.
const space = /[ \t\n\v\f\r]+/y;
// To the end of the line, or to a NUL, at which the server stops reading the comment.
// biome-ignore lint/suspicious/noControlCharactersInRegex: after `--` the server takes control characters for space.
const lineComment = /(?:#|--(?=[\x00-\x20\x7f]|$))[^\n\0]*/y;
// A number with a dot or an exponent ends where it ends, although a name follows: `1e1FROM` is two tokens.
const real = /(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+/y;
// MySQL drops what begins like this, and reads on behind it as though nothing had been there.
const brokenReal = /(?:\d+\.\d*|\.\d+)[eE](?![+-]?\d)/y;
const word = /[0-9A-Za-z_$\u0080-\uffff]+/y;
const digits = /^(?:\d+|0x[0-9A-Fa-f]+|0b[01]+)$/;
// Greedy as the server's host name, which it reads after one @.
const variable = /@[0-9A-Za-z_.$\u0080-\uffff]*/y;
const quotes = new Set(["'", '"', '`']);

/** What is at a place; `kind` is undefined for what the server skips. */
interface Piece {
  readonly kind: TokenKind | undefined;
  readonly end: number;
  readonly text?: string;
}

/** The tokens of one SQL text as the server finds them, without comments. Linear in its length. */
export function tokensOf(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  let depth = 0;
  let end = 0;
  for (let start = 0; start < sql.length; start = end) {
    const piece = pieceAt(sql, start);
    const { kind } = piece;
    end = piece.end;
    if (kind === undefined) continue;
    const text = piece.text ?? sql.slice(start, end);
    if (kind === 'symbol' && text === ')') depth = Math.max(0, depth - 1);
    const before = tokens.at(-1);
    const qualified =
      (kind === 'word' || kind === 'name') && before?.text === '.' && before.end === start;
    tokens.push({ kind, text, start, end, depth, qualified });
    if (kind === 'symbol' && text === '(') depth++;
  }
  return tokens;
}

function pieceAt(sql: string, at: number): Piece {
  const skipped = endOf(space, sql, at) ?? endOf(lineComment, sql, at);
  if (skipped !== undefined) return { kind: undefined, end: skipped };
  const first = sql.charAt(at);
  if (quotes.has(first)) return quotedAt(sql, at, first);
  if (sql.startsWith('/*', at)) return commentAt(sql, at);
  const broken = endOf(brokenReal, sql, at);
  if (broken !== undefined) return { kind: 'hidden', end: broken };
  const number = endOf(real, sql, at);
  if (number !== undefined) return { kind: 'number', end: number };
  const end = endOf(word, sql, at);
  if (end !== undefined) return wordOf(sql.slice(at, end), end);
  // The server takes a NUL for the end of the text, or for that of a comment.
  if (first === '\0') return { kind: 'hidden', end: at + 1 };
  if (sql.startsWith('@@', at) || sql.startsWith(':=', at)) return { kind: 'symbol', end: at + 2 };
  if (first === '@') return { kind: 'variable', end: endOf(variable, sql, at) ?? at + 1 };
  return { kind: 'symbol', end: at + 1 };
}

function wordOf(text: string, end: number): Piece {
  if (digits.test(text)) return { kind: 'number', end };
  // `$tag$ … $tag$` is a string to MySQL 9 and three names to others.
  return text.startsWith('$')
    ? { kind: 'hidden', end }
    : { kind: 'word', end, text: text.toUpperCase() };
}

function quotedAt(sql: string, at: number, quote: string): Piece {
  let end = at + 1;
  for (; end < sql.length; end++) {
    const char = sql.charAt(end);
    if (char === '\\' && quote !== '`') end++;
    else if (char === quote) {
      if (sql.charAt(end + 1) !== quote) break;
      end++;
    }
  }
  if (end >= sql.length) return { kind: 'open', end: sql.length };
  if (quote !== '`') return { kind: 'text', end: end + 1 };
  const text = sql.slice(at + 1, end).replaceAll('``', '`');
  // A NUL ends a name too.
  return { kind: text.includes('\0') ? 'hidden' : 'name', end: end + 1, text };
}

/** `/*!` is run by some servers; a hint has rules of its own, by which a quote may hide its end. */
function commentAt(sql: string, at: number): Piece {
  const close = sql.indexOf('*/', at + 2);
  const end = close < 0 ? sql.length : close + 2;
  if (sql.startsWith('!', at + 2) || sql.startsWith('M!', at + 2)) return { kind: 'hidden', end };
  if (close < 0) return { kind: 'open', end };
  const isHint = sql.charAt(at + 2) === '+' && /['"`]/.test(sql.slice(at, end));
  return { kind: isHint ? 'hidden' : undefined, end };
}

function endOf(pattern: RegExp, sql: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : undefined;
}
