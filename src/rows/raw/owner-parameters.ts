import { tokensOf } from '../../mysql/sql/sql-tokens.ts';
import { parameterColumns } from './parameter-columns.ts';
import { isWord } from './statement-facts.ts';

const known = new Map<string, readonly (string | undefined)[]>();
const mostKnown = 1_000;
const longestKnown = 20_000;

/**
 * For each `?` of a change, the column that it is a condition on, in upper case; of an INSERT the one that it
 * is stored into. Undefined where none shows, and for what an UPDATE sets: that says nothing of whose rows
 * are changed.
 */
export function conditionColumns(sql: string): readonly (string | undefined)[] {
  const before = known.get(sql);
  if (before !== undefined) return before;
  const tokens = tokensOf(sql);
  const columns = parameterColumns(tokens);
  const places = tokens.flatMap(({ kind, text }, index) =>
    kind === 'symbol' && text === '?' ? [index] : [],
  );
  const sets = tokens.some((token) => token.depth === 0 && isWord(token, 'UPDATE'))
    ? tokens.findIndex((token) => token.depth === 0 && isWord(token, 'SET'))
    : -1;
  const where = tokens.findIndex((token) => token.depth === 0 && isWord(token, 'WHERE'));
  const isSet = (place: number) => sets >= 0 && place > sets && (where < 0 || place < where);
  const isInsert = isWord(tokens[0], 'INSERT') || isWord(tokens[0], 'REPLACE');
  const found = places.map((place, index) =>
    !isInsert && isSet(place) ? undefined : columns[index]?.name,
  );
  if (sql.length <= longestKnown) {
    if (known.size >= mostKnown) known.clear();
    known.set(sql, found);
  }
  return found;
}
