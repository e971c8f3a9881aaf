import type { SqlToken } from '../../mysql/sql/sql-tokens.ts';
import { isWord } from '../raw/statement-facts.ts';

/** One item of a select list. */
export interface SelectItem {
  /** The name of its column; undefined for `*` and for what the server names by its text. */
  readonly name: string | undefined;
  /** What is selected, without its alias. */
  readonly expression: readonly SqlToken[];
  /** For `*` and `t.*`. */
  readonly isWildcard: boolean;
}

/** A text's outermost SELECT; `end` is where its list ends. */
export interface Select {
  readonly items: readonly SelectItem[];
  /** The place in the text right behind the last item. */
  readonly end: number;
}

const modifiers = new Set([
  'ALL',
  'HIGH_PRIORITY',
  'STRAIGHT_JOIN',
  'SQL_SMALL_RESULT',
  'SQL_BIG_RESULT',
  'SQL_BUFFER_RESULT',
  'SQL_CACHE',
  'SQL_NO_CACHE',
]);
const clauses = ['FROM', 'WHERE', 'ORDER', 'LIMIT', 'INTO', 'FOR', 'LOCK', 'PROCEDURE'];

/** The outermost SELECT of a text; undefined where there is not exactly one outside of parentheses. */
export function selectOf(sql: string, tokens: readonly SqlToken[]): Select | undefined {
  const outermost = tokens.flatMap((token, index) =>
    token.depth === 0 && isWord(token, 'SELECT') ? [index] : [],
  );
  const [select] = outermost;
  if (select === undefined || outermost.length > 1) return undefined;
  let start = select + 1;
  while (modifiers.has(tokens[start]?.text ?? '') && tokens[start]?.kind === 'word') start++;
  const list: SqlToken[] = [];
  for (const token of tokens.slice(start)) {
    if (token.depth === 0 && clauses.some((clause) => isWord(token, clause))) break;
    if (token.depth === 0 && token.text === ';') break;
    list.push(token);
  }
  const end = list.at(-1)?.end;
  if (end === undefined) return undefined;
  return { items: splitAtCommas(list).map((item) => itemOf(sql, item)), end };
}

/** The parts of a list between the commas outside of parentheses. */
export function splitAtCommas(tokens: readonly SqlToken[]): SqlToken[][] {
  const parts: SqlToken[][] = [[]];
  const outer = tokens[0]?.depth ?? 0;
  for (const token of tokens) {
    if (token.kind === 'symbol' && token.text === ',' && token.depth === outer) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

function itemOf(sql: string, tokens: readonly SqlToken[]): SelectItem {
  const last = tokens.at(-1);
  const before = tokens.at(-2);
  if (last?.text === '*' && (before === undefined || before.text === '.')) {
    return { name: undefined, expression: tokens, isWildcard: true };
  }
  const canName = last?.kind === 'word' || last?.kind === 'name' || last?.kind === 'text';
  if (last === undefined || !canName)
    return { name: undefined, expression: tokens, isWildcard: false };
  const name = nameOf(sql, last);
  if (isWord(before, 'AS')) return { name, expression: tokens.slice(0, -2), isWildcard: false };
  if (before === undefined || last.qualified)
    return { name, expression: tokens, isWildcard: false };
  const endsValue = before.kind !== 'symbol' || before.text === ')' || before.text === '?';
  return endsValue
    ? { name, expression: tokens.slice(0, -1), isWildcard: false }
    : { name: undefined, expression: tokens, isWildcard: false };
}

/** A name as it was written, without its quotes. */
export function nameOf(sql: string, { kind, text, start, end }: SqlToken): string {
  if (kind === 'name') return text;
  const written = sql.slice(start, end);
  return kind === 'text' ? written.slice(1, -1) : written;
}

/** Whether two expressions are written alike. */
export function isSame(a: readonly SqlToken[], b: readonly SqlToken[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ text, kind }, index) => {
      const other = b[index];
      const isName = kind === 'word' || kind === 'name';
      return isName
        ? (other?.kind === 'word' || other?.kind === 'name') &&
            other.text.toUpperCase() === text.toUpperCase()
        : other?.kind === kind && other.text === text;
    })
  );
}
