import { MergeError } from '../errors/scatter-error.ts';
import type { SqlValue } from '../mysql/sql/sql.ts';
import { type SqlToken, tokensOf } from '../mysql/sql/sql-tokens.ts';
import { calledAt, isWord } from '../rows/raw/statement-facts.ts';
import {
  isSame,
  nameOf,
  type SelectItem,
  selectOf,
  splitAtCommas,
} from '../rows/reads/select-list.ts';
import type { MergeOrder } from './merge.ts';
import type { Merge } from './scatter.ts';

/** What is sent to each shard, and how their rows become one result. */
export interface ScatterPlan {
  readonly sql: string;
  readonly order: MergeOrder | undefined;
  /** Whether the statement has the limit itself, so that no shard sends more. */
  readonly isCut: boolean;
}

const aggregates = new Set(
  (
    'COUNT SUM AVG MIN MAX GROUP_CONCAT JSON_ARRAYAGG JSON_OBJECTAGG STD STDDEV STDDEV_POP STDDEV_SAMP ' +
    'VAR_POP VAR_SAMP VARIANCE BIT_AND BIT_OR BIT_XOR MEDIAN PERCENTILE_CONT PERCENTILE_DISC ST_COLLECT ROWNUM'
  ).split(' '),
);
/** What a shard works out over its own rows alone. */
const ofOneShard = [
  ['DISTINCT'],
  ['DISTINCTROW'],
  ['GROUP', 'BY'],
  ['HAVING'],
  ['UNION'],
  ['INTERSECT'],
  ['EXCEPT'],
  ['OVER'],
  ['ROWS', 'EXAMINED'],
  ['PROCEDURE'],
];
const sorting = [['ORDER', 'BY'], ['LIMIT'], ['FETCH', 'FIRST'], ['FETCH', 'NEXT']];

/**
 * How a text is run on several shards. What a shard would work out over its own rows is refused, also
 * in a subquery: that too sees one shard only, and no text shows whether the rows it needs are there.
 * What the shards sort and cut must be sorted and cut again in the same way.
 *
 * @throws {MergeError} that names `merge` or `each()`.
 */
export function planScatter(
  sql: string,
  params: readonly SqlValue[],
  { orderBy, limit }: Merge,
): ScatterPlan {
  const tokens = tokensOf(sql);
  assertNoSkip(tokens);
  const partial = find(tokens, ofOneShard) ?? aggregateIn(tokens);
  if (partial !== undefined) {
    throw new MergeError(
      `'${partial}' is worked out by each shard over its own rows, so that the answers are parts of one. ` +
        'Take them shard by shard with everywhere.each() and put them together in your service.',
    );
  }
  const nested = find(
    tokens.filter(({ depth }) => depth > 0),
    sorting,
  );
  if (nested !== undefined) {
    throw new MergeError(
      `'${nested}' in a subquery sorts or cuts the rows of one shard. Ask shard by shard with everywhere.each().`,
    );
  }
  const isCut = hasLimit(tokens, params, limit);
  const terms = orderTerms(tokens);
  if (orderBy === undefined || orderBy.length === 0) {
    if (terms === undefined) return { sql, order: undefined, isCut };
    throw new MergeError(
      'ORDER BY sorts the rows of each shard, not those of all. Say so to merge as well: ' +
        "{ merge: { orderBy: [['column', 'asc']] } }; or take each shard's rows with everywhere.each().",
    );
  }
  return { ...planOrder(sql, tokens, terms, orderBy), isCut };
}

function planOrder(
  sql: string,
  tokens: readonly SqlToken[],
  terms: readonly OrderTerm[] | undefined,
  orderBy: NonNullable<Merge['orderBy']>,
): Omit<ScatterPlan, 'isCut'> {
  const wanted = orderBy.map(([name, direction]) => `${name} ${direction}`).join(', ');
  if (terms === undefined || terms.length !== orderBy.length) {
    throw new MergeError(
      `merge.orderBy says ${wanted}, but the statement has ${terms === undefined ? 'no ORDER BY' : `${terms.length} terms in its ORDER BY`}. ` +
        'Give it the same ORDER BY, so that each shard sends its rows in this order.',
    );
  }
  const select = selectOf(sql, tokens);
  if (select === undefined) {
    throw new MergeError('merge.orderBy needs a statement with one SELECT outside of parentheses.');
  }
  const added: string[] = [];
  const order = orderBy.map(([name, direction], index) => {
    const term = terms[index];
    const source = term && sourceOf(sql, select.items, name, term.expression);
    if (term === undefined || source === undefined || term.direction !== direction) {
      throw new MergeError(
        `merge.orderBy says ${wanted}, but the ORDER BY of the statement has another term at place ${index + 1}. ` +
          `Select the column as '${name}' and sort by that name, ${direction === 'asc' ? 'ascending' : 'descending'}, in both.`,
      );
    }
    const sign: 1 | -1 = direction === 'desc' ? -1 : 1;
    // A parameter can't stand twice.
    if (source.some(({ kind, text }) => kind === 'symbol' && text === '?')) return { name, sign };
    const text = sql.slice(source[0]?.start, source.at(-1)?.end);
    const weight = `meridian_weight_${index}`;
    const rule = `meridian_rule_${index}`;
    added.push(
      `WEIGHT_STRING(${text}) AS ${weight}`,
      // What the order of the weights depends on; a space of the same collation may pad them.
      `CONCAT_WS(' ', COERCIBILITY(${text}) = COERCIBILITY(1), @@max_sort_length, COLLATION(${text}), HEX(WEIGHT_STRING(LEFT(CONCAT(' ', ${text}), 1)))) AS ${rule}`,
    );
    return { name, sign, weight, rule };
  });
  const list = added.length === 0 ? '' : `, ${added.join(', ')}`;
  return { sql: sql.slice(0, select.end) + list + sql.slice(select.end), order };
}

/** What is sorted by when a term of ORDER BY names a selected column; undefined when it does not. */
function sourceOf(
  sql: string,
  items: readonly SelectItem[],
  name: string,
  term: readonly SqlToken[],
): readonly SqlToken[] | undefined {
  const isNamed = (other: string | undefined) => other?.toUpperCase() === name.toUpperCase();
  const last = term.at(-1);
  const column = last && isColumn(term) ? nameOf(sql, last) : undefined;
  const item = items.find((candidate) => isNamed(candidate.name));
  if (item !== undefined) {
    if (isSame(term, item.expression)) return item.expression;
    if (!isNamed(column)) return undefined;
    // An alias goes before a column of the table that has the same name.
    const ofItem = item.expression.at(-1);
    const isPlain =
      isColumn(item.expression) && ofItem !== undefined && isNamed(nameOf(sql, ofItem));
    const isAlone = term.length === 1 || (item.expression.length === 1 && isPlain);
    return isAlone ? item.expression : undefined;
  }
  if (!isNamed(column)) return undefined;
  const isHeld = items.some(
    ({ isWildcard, expression }) =>
      isWildcard &&
      (expression.length === 1 ||
        term.length === 1 ||
        isSame(expression.slice(0, -1), term.slice(0, -1))),
  );
  return isHeld ? term : undefined;
}

/** Whether an expression is a column's name, with or without its table. */
function isColumn(expression: readonly SqlToken[]): boolean {
  return expression.every(({ kind, text }, index) =>
    index % 2 === 0 ? kind === 'word' || kind === 'name' : text === '.',
  );
}

interface OrderTerm {
  readonly expression: readonly SqlToken[];
  readonly direction: 'asc' | 'desc';
}

const behindOrder = ['LIMIT', 'OFFSET', 'FETCH', 'FOR', 'LOCK', 'INTO', 'PROCEDURE', 'ROWS'];

function orderTerms(tokens: readonly SqlToken[]): readonly OrderTerm[] | undefined {
  const start = tokens.findIndex(
    (token, index) =>
      token.depth === 0 && isWord(token, 'ORDER') && isWord(tokens[index + 1], 'BY'),
  );
  if (start < 0) return undefined;
  const rest = tokens.slice(start + 2);
  const end = rest.findIndex(
    (token) =>
      token.depth === 0 && (token.text === ';' || behindOrder.some((word) => isWord(token, word))),
  );
  return splitAtCommas(end < 0 ? rest : rest.slice(0, end)).map((term) => {
    const last = term.at(-1);
    if (isWord(last, 'DESC')) return { expression: term.slice(0, -1), direction: 'desc' };
    const expression = isWord(last, 'ASC') ? term.slice(0, -1) : term;
    return { expression, direction: 'asc' };
  });
}

/** Whether the statement has a limit of its own, which must be that of the whole. */
function hasLimit(
  tokens: readonly SqlToken[],
  params: readonly SqlValue[],
  limit: number | undefined,
): boolean {
  const fetch = find(tokens, sorting.slice(2));
  if (fetch !== undefined) throw new MergeError(`Say LIMIT instead of '${fetch}'.`);
  const at = tokens.findIndex((token) => token.depth === 0 && isWord(token, 'LIMIT'));
  if (at < 0) return false;
  const count = tokens[at + 1];
  const before = tokens.slice(0, at).filter(({ kind, text }) => kind === 'symbol' && text === '?');
  const own = count?.text === '?' ? params[before.length] : count?.text;
  if (limit !== undefined && own !== null && Number(own) === limit) return true;
  throw new MergeError(
    limit === undefined
      ? 'LIMIT cuts the rows of each shard, not those of all. Say so to merge as well: { merge: { limit } }; ' +
          "or take each shard's rows with everywhere.each()."
      : 'The LIMIT of the statement is not merge.limit; give both the same number, or leave LIMIT out.',
  );
}

/** Each shard would skip rows of its own, which are not those that the whole would skip. */
function assertNoSkip(tokens: readonly SqlToken[]): void {
  const skips = tokens.some(
    (token, index) =>
      isWord(token, 'OFFSET') || (isWord(token, 'LIMIT') && tokens[index + 2]?.text === ','),
  );
  if (!skips) return;
  throw new MergeError(
    'An OFFSET skips rows on each shard, not of the whole. Ask for the rows after the last key of the page before.',
  );
}

/**
 * What of a query is worked out over the rows of one shard: an aggregate, say, and where it stands at least
 * so deep, sorting and cutting.
 */
export function partialIn(tokens: readonly SqlToken[], sortingFrom: number): string | undefined {
  return (
    find(tokens, ofOneShard) ??
    aggregateIn(tokens) ??
    find(
      tokens.filter(({ depth }) => depth >= sortingFrom),
      sorting,
    )
  );
}

function find(
  tokens: readonly SqlToken[],
  phrases: readonly (readonly string[])[],
): string | undefined {
  for (const index of tokens.keys()) {
    const found = phrases.find((phrase) =>
      phrase.every((word, offset) => isWord(tokens[index + offset], word)),
    );
    if (found !== undefined) return found.join(' ');
  }
  return undefined;
}

function aggregateIn(tokens: readonly SqlToken[]): string | undefined {
  for (const index of tokens.keys()) {
    const name = calledAt(tokens, index);
    if (name !== undefined && aggregates.has(name)) return `${name}()`;
  }
  return undefined;
}
