import type { SqlToken } from '../../mysql/sql/sql-tokens.ts';
import { isWord } from './statement-facts.ts';

/** A column as a text names it. */
export interface NamedColumn {
  readonly name: string;
  /** The table or alias before the dot, in upper case. */
  readonly of: string | undefined;
}

type Tokens = readonly SqlToken[];

/**
 * The column that each `?` is compared with or stored into, by its place among them; undefined where
 * that does not show. Finds `a = ?`, `? < a`, `a IN (?, ?)`, `a BETWEEN ? AND ?`, `(a, b) > (?, ?)`,
 * `SET a = ?` and the columns of an INSERT.
 */
export function parameterColumns(tokens: Tokens): readonly (NamedColumn | undefined)[] {
  const columns: (NamedColumn | undefined)[] = [];
  const lists = new Lists(tokens);
  for (const [index, token] of tokens.entries()) {
    lists.pass(index);
    if (token.kind !== 'symbol' || token.text !== '?') continue;
    columns.push(
      columnEnding(tokens, beforeOperator(tokens, index - 1)) ??
        betweenOf(tokens, index) ??
        lists.columnAt() ??
        columnStarting(tokens, afterOperator(tokens, index + 1)),
    );
  }
  return columns;
}

const operators = new Set(['=', '<', '>', '!']);

function isOperator(token: SqlToken | undefined): boolean {
  return token?.kind === 'symbol' && operators.has(token.text);
}

/** Where what stands before an operator ends; undefined when there is no operator. */
function beforeOperator(tokens: Tokens, from: number): number | undefined {
  let index = from;
  while (isOperator(tokens[index])) index--;
  return index === from ? undefined : index;
}

function afterOperator(tokens: Tokens, from: number): number | undefined {
  let index = from;
  while (isOperator(tokens[index])) index++;
  return index === from ? undefined : index;
}

function betweenOf(tokens: Tokens, index: number): NamedColumn | undefined {
  let at = index - 1;
  if (isWord(tokens[at], 'AND') && isWord(tokens[at - 2], 'BETWEEN')) at -= 2;
  if (!isWord(tokens[at], 'BETWEEN')) return undefined;
  return columnEnding(tokens, isWord(tokens[at - 1], 'NOT') ? at - 2 : at - 1);
}

/** The parentheses around a place, as the tokens are passed one after the other. */
class Lists {
  readonly #tokens: Tokens;
  readonly #open: { readonly at: number; place: number }[] = [];
  /** Where the list begins that ends at a place. */
  readonly #startOf = new Map<number, number>();
  readonly #columns = new Map<number, readonly (NamedColumn | undefined)[]>();
  readonly #inserts: boolean;

  constructor(tokens: Tokens) {
    this.#tokens = tokens;
    this.#inserts = isWord(tokens[0], 'INSERT') || isWord(tokens[0], 'REPLACE');
  }

  pass(index: number): void {
    const { kind, text } = this.#tokens[index] ?? {};
    if (kind !== 'symbol') return;
    if (text === '(') this.#open.push({ at: index, place: 0 });
    else if (text === ')') {
      const opened = this.#open.pop();
      if (opened !== undefined) this.#startOf.set(index, opened.at);
    } else if (text === ',') {
      const around = this.#open.at(-1);
      if (around !== undefined) around.place++;
    }
  }

  /** The column before IN, that of the same place in the list on the left, or of an INSERT's list. */
  columnAt(): NamedColumn | undefined {
    const around = this.#open.at(-1);
    if (around === undefined) return undefined;
    const tokens = this.#tokens;
    const { at, place } = around;
    if (isWord(tokens[at - 1], 'IN')) {
      return columnEnding(tokens, isWord(tokens[at - 2], 'NOT') ? at - 3 : at - 2);
    }
    const left = this.#startOf.get(beforeOperator(tokens, at - 1) ?? -1);
    if (left !== undefined) return this.#columnsFrom(left)[place];
    if (!this.#inserts || this.#open.length > 1) return undefined;
    const isRow = isVerbOfRows(tokens[at - 1]) || tokens[at - 1]?.text === ',';
    return isRow ? this.#columnsFrom(this.#insertList())[place] : undefined;
  }

  /** The first list of an INSERT, if rows follow it. */
  #insertList(): number {
    for (const [end, start] of this.#startOf) {
      if (this.#tokens[end]?.depth === 0) return isVerbOfRows(this.#tokens[end + 1]) ? start : -1;
    }
    return -1;
  }

  /** The plain columns of a list, one a place; nothing for other expressions. */
  #columnsFrom(start: number): readonly (NamedColumn | undefined)[] {
    const known = this.#columns.get(start);
    if (known !== undefined) return known;
    const columns: (NamedColumn | undefined)[] = [];
    const inside = (this.#tokens[start]?.depth ?? Number.NaN) + 1;
    for (let index = start + 1; index < this.#tokens.length; index++) {
      const { text, depth = 0 } = this.#tokens[index] ?? {};
      const isEnd = text === ')' && depth < inside;
      if (!isEnd && !(text === ',' && depth === inside)) continue;
      columns.push(columnEnding(this.#tokens, index - 1));
      if (isEnd) break;
    }
    this.#columns.set(start, columns);
    return columns;
  }
}

function isVerbOfRows(token: SqlToken | undefined): boolean {
  return isWord(token, 'VALUES') || isWord(token, 'VALUE');
}

/** The column whose name ends at a place. */
function columnEnding(tokens: Tokens, at: number | undefined): NamedColumn | undefined {
  const token = at === undefined ? undefined : tokens[at];
  if (at === undefined || token === undefined || !isName(token)) return undefined;
  const of = token.qualified ? tokens[at - 2]?.text.toUpperCase() : undefined;
  return { name: token.text.toUpperCase(), of };
}

/** The column whose name begins at a place. */
function columnStarting(tokens: Tokens, at: number | undefined): NamedColumn | undefined {
  if (at === undefined) return undefined;
  let end = at;
  while (tokens[end + 1]?.text === '.' && tokens[end + 2]?.qualified) end += 2;
  return tokens[end + 1]?.text === '(' ? undefined : columnEnding(tokens, end);
}

function isName({ kind }: SqlToken): boolean {
  return kind === 'word' || kind === 'name';
}
