import { type SqlToken, tokensOf } from '../../mysql/sql/sql-tokens.ts';

/** What a raw text can do, as far as its words tell. Each finding is the words that were found. */
export interface StatementFacts {
  /** The first word, in upper case; empty where the text has none. */
  readonly word: string;
  /** How the text can't be read for certain. */
  readonly unreadable: string | undefined;
  /** Outlives the statement on its connection, or writes where no schema looks. */
  readonly lasting: string | undefined;
  /** Answers with what the connection did before. */
  readonly ofSession: string | undefined;
  /** Changes something while it looks like a value. */
  readonly changingCall: string | undefined;
  /** Draws from a sequence, which no rollback gives back. */
  readonly drawing: string | undefined;
  /** Keeps rows locked until the transaction ends. */
  readonly locking: string | undefined;
  /** Whether one of UPDATE, DELETE, INSERT and REPLACE is a statement of the text. */
  readonly changes: boolean;
  /** EXPLAIN ANALYZE, by whatever name, runs what it explains. */
  readonly analyzes: boolean;
  /** A change that gives rows. */
  readonly returning: boolean;
  /** Has the name of a column that the driver can't make a row of. */
  readonly unnameable: boolean;
  readonly temporary: boolean;
  /** ANALYZE TABLE and OPTIMIZE TABLE, of the statements that begin so. */
  readonly ofTables: boolean;
}

const locks = words(
  'GET_LOCK RELEASE_LOCK RELEASE_ALL_LOCKS SERVICE_GET_READ_LOCKS SERVICE_GET_WRITE_LOCKS SERVICE_RELEASE_LOCKS',
);
const sessionFunctions = words('FOUND_ROWS ROW_COUNT LASTVAL');
const sessionVariables = words(
  'IDENTITY LAST_INSERT_ID INSERT_ID WARNING_COUNT ERROR_COUNT LAST_GTID',
);
const scopes = words('SESSION LOCAL GLOBAL');
/** What the driver's parser can't name a column by: it would fail for the whole connection. */
const unnameable = words(
  '__PROTO__ __DEFINEGETTER__ __DEFINESETTER__ __LOOKUPGETTER__ __LOOKUPSETTER__',
);

const diagnostics = words('WARNINGS ERRORS COUNT PROFILE PROFILES');
const bodies = words('PROCEDURE FUNCTION TRIGGER EVENT PACKAGE');

/** Facts of texts that came before: a service runs few, again and again. */
const known = new Map<string, StatementFacts>();
const mostKnown = 1_000;
const longestKnown = 20_000;

export function factsOf(sql: string): StatementFacts {
  const before = known.get(sql);
  if (before !== undefined) return before;
  const facts = findFacts(tokensOf(sql));
  if (sql.length > longestKnown) return facts;
  if (known.size >= mostKnown) known.clear();
  known.set(sql, facts);
  return facts;
}

function findFacts(tokens: readonly SqlToken[]): StatementFacts {
  const opening = tokens.findIndex(({ text }) => text !== '(');
  const first = tokens[opening];
  const word = first?.kind === 'word' ? first.text : '';
  const second = tokens[opening + 1]?.text;
  const is = (from: number, ...phrase: string[]) =>
    phrase.every((text, index) => isWord(tokens[from + index], text));
  const find = (found: (index: number) => string | undefined) => {
    for (let index = 0; index < tokens.length; index++) {
      const result = found(index);
      if (result !== undefined) return result;
    }
    return undefined;
  };
  const calls = (index: number, names: ReadonlySet<string>) => {
    const name = calledAt(tokens, index);
    return name !== undefined && names.has(name) ? name : undefined;
  };
  const isChange = (index: number) =>
    (is(index, 'UPDATE') && !isWord(tokens[index - 1], 'FOR')) ||
    is(index, 'DELETE') ||
    ((is(index, 'INSERT') || is(index, 'REPLACE')) && tokens[index + 1]?.text !== '(');
  const some = (test: (index: number) => boolean) => tokens.some((_, index) => test(index));
  return {
    word,
    unreadable: unreadable(tokens, word),
    lasting: find((index) => {
      if (tokens[index]?.text === ':=' && tokens[index]?.kind === 'symbol') return ':=';
      const next = tokens[index + 1];
      if (is(index, 'INTO') && next?.kind === 'variable') return 'INTO @';
      if (is(index, 'INTO', 'OUTFILE') || is(index, 'INTO', 'DUMPFILE')) return 'INTO a file';
      return calls(index, locks);
    }),
    ofSession: find((index) => {
      if (is(index, 'PREVIOUS', 'VALUE', 'FOR')) return 'PREVIOUS VALUE FOR';
      if (is(index, 'SQL_CALC_FOUND_ROWS')) return 'SQL_CALC_FOUND_ROWS';
      if (index === opening && word === 'SHOW' && second !== undefined && diagnostics.has(second))
        return `SHOW ${second}`;
      if (calledAt(tokens, index) === 'LAST_INSERT_ID' && tokens[index + 2]?.text === ')')
        return 'LAST_INSERT_ID()';
      return calls(index, sessionFunctions) ?? sessionVariableAt(tokens, index);
    }),
    changingCall: find((index) => {
      if (calledAt(tokens, index) === 'SETVAL') return 'SETVAL()';
      return calledAt(tokens, index) === 'LAST_INSERT_ID' && tokens[index + 2]?.text !== ')'
        ? 'LAST_INSERT_ID(…)'
        : undefined;
    }),
    drawing: find((index) => {
      if (is(index, 'NEXT', 'VALUE', 'FOR')) return 'NEXT VALUE FOR';
      return calledAt(tokens, index) === 'NEXTVAL' ? 'NEXTVAL()' : undefined;
    }),
    locking: find((index) => {
      if (is(index, 'FOR', 'UPDATE')) return 'FOR UPDATE';
      if (is(index, 'FOR', 'SHARE')) return 'FOR SHARE';
      return is(index, 'LOCK', 'IN', 'SHARE') ? 'LOCK IN SHARE MODE' : undefined;
    }),
    changes: some(isChange),
    analyzes: some((index) => is(index, 'ANALYZE')),
    returning: tokens.some((token) => token.depth === 0 && isWord(token, 'RETURNING')),
    unnameable: tokens.some(
      ({ kind, text }) => kind !== 'number' && unnameable.has(nameIn(text).toUpperCase()),
    ),
    temporary: is(opening + 1, 'TEMPORARY') || is(opening + 1, 'OR', 'REPLACE', 'TEMPORARY'),
    ofTables: tokens
      .slice(opening + 1, opening + 3)
      .some((token) => isWord(token, 'TABLE') || isWord(token, 'TABLES')),
  };
}

function unreadable(tokens: readonly SqlToken[], word: string): string | undefined {
  const hasBody = word === 'CREATE' && tokens.slice(0, 12).some(({ text }) => bodies.has(text));
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind === 'hidden') {
      return text.startsWith('/*')
        ? "A comment '/*! … */', or a hint with quotes, is run by some servers and skipped by others"
        : 'A number without its exponent, a name that begins with $ or a NUL is read differently by different servers';
    }
    if (kind === 'open') return 'A quote or comment is not closed';
    if (text === ';' && kind === 'symbol' && index < tokens.length - 1 && !hasBody)
      return 'A call runs one statement, and here is more behind a semicolon';
  }
  return undefined;
}

/** The name that is called at a place, with or without backticks. */
export function calledAt(tokens: readonly SqlToken[], index: number): string | undefined {
  const token = tokens[index];
  if (token === undefined || tokens[index + 1]?.text !== '(') return undefined;
  if (tokens[index + 1]?.kind !== 'symbol' || isColumnList(tokens, index + 1)) return undefined;
  return token.kind === 'word' || token.kind === 'name' ? token.text.toUpperCase() : undefined;
}

/** Whether parentheses hold the names of a common table expression's columns: `WITH row_count (n) AS (…)`. */
function isColumnList(tokens: readonly SqlToken[], open: number): boolean {
  const before = tokens[open - 2];
  if (!isWord(before, 'WITH') && !isWord(before, 'RECURSIVE') && before?.text !== ',') return false;
  const { depth } = tokens[open] ?? {};
  const close = tokens.findIndex(
    (token, index) => index > open && token.depth === depth && token.text === ')',
  );
  return close > 0 && isWord(tokens[close + 1], 'AS') && tokens[close + 2]?.text === '(';
}

/** Whether a token is this keyword. */
export function isWord(token: SqlToken | undefined, text: string): boolean {
  return token?.kind === 'word' && token.text === text && !token.qualified;
}

function sessionVariableAt(tokens: readonly SqlToken[], index: number): string | undefined {
  if (tokens[index]?.text !== '@@' || tokens[index]?.kind !== 'symbol') return undefined;
  const scoped = tokens[index + 2]?.text === '.' && scopes.has(upper(tokens[index + 1]));
  const name = upper(tokens[scoped ? index + 3 : index + 1]);
  return sessionVariables.has(name) ? `@@${name.toLowerCase()}` : undefined;
}

/** What a text is as the name of the column that selects it. */
function nameIn(text: string): string {
  return text.length > 60 ? '' : text.replace(/\\|^['"]|['"]$/g, '');
}

function upper(token: SqlToken | undefined): string {
  return token?.text.toUpperCase() ?? '';
}

function words(list: string): ReadonlySet<string> {
  return new Set(list.split(' '));
}
