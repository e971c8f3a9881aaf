import {
  isGroup,
  isKeyword,
  isSymbol,
  nameIn,
  type SqlNode,
  type SqlNodes,
} from '../../mysql/sql/sql-tree.ts';
import { isQuery } from './joined-tables.ts';

/** A column as a text names it, in lower case. */
export interface NamedColumn {
  readonly table: string | undefined;
  readonly column: string;
}

/** Two columns that every row has equal for which a condition holds. */
export interface Equality {
  readonly columns: readonly [NamedColumn, NamedColumn];
  /** Whether their bytes are compared, and not as their collation does. */
  readonly ofBytes: boolean;
}

/** The equalities without which a condition never holds. */
export function equalitiesIn(condition: SqlNodes): Equality[] {
  return conjunctsOf(condition).flatMap((conjunct) => {
    const sign = conjunct.findIndex((node) => isSymbol(node, '='));
    const left = sideOf(conjunct.slice(0, Math.max(0, sign)));
    const right = sideOf(conjunct.slice(sign + 1));
    if (left === undefined || right === undefined || left.ofBytes !== right.ofBytes) return [];
    return [{ columns: [left.column, right.column] as const, ofBytes: left.ofBytes }];
  });
}

/** The column that these nodes are and nothing else. */
export function columnIn(nodes: SqlNodes): NamedColumn | undefined {
  // `database.table.column` names the table as well as `table.column` does.
  const parts = nodes.filter((_, index) => index % 2 === 0).map(nameIn);
  const isDotted = nodes.every((node, index) => index % 2 === 0 || isSymbol(node, '.'));
  const column = parts.at(-1);
  if (!isDotted || nodes.length % 2 === 0 || nodes.length > 5) return undefined;
  if (column === undefined || parts.includes(undefined)) return undefined;
  return { table: parts.at(-2), column };
}

/** `a.b`, `BINARY a.b` or `CAST(a.b AS BINARY)`. */
function sideOf(nodes: SqlNodes) {
  const plain = columnIn(nodes);
  if (plain !== undefined) return { column: plain, ofBytes: false };
  const [first, second] = nodes;
  const cast = isKeyword(first, 'CAST') && nodes.length === 2 && isGroup(second) && second.nodes;
  const inner = cast ? cast.slice(0, -2) : isKeyword(first, 'BINARY') ? nodes.slice(1) : [];
  const isBytes = !cast || (isKeyword(cast.at(-2), 'AS') && isKeyword(cast.at(-1), 'BINARY'));
  const column = isBytes ? columnIn(inner) : undefined;
  return column && { column, ofBytes: true };
}

/** The parts of a condition of which each must hold; the whole where another operator binds them. */
function conjunctsOf(condition: SqlNodes): SqlNodes[] {
  const [only] = condition;
  if (condition.length === 1 && isGroup(only) && !isQuery(only)) return conjunctsOf(only.nodes);
  const isBound = (node: SqlNode) => isKeyword(node, 'OR', 'XOR', 'CASE') || isSymbol(node, '|');
  if (condition.some(isBound)) return [condition];
  const parts: SqlNode[][] = [[]];
  let between = 0;
  for (const node of condition) {
    if (isKeyword(node, 'BETWEEN')) between++;
    if (!isKeyword(node, 'AND')) parts.at(-1)?.push(node);
    // The AND of a BETWEEN joins no conditions.
    else if (between > 0) between--;
    else parts.push([]);
  }
  return parts.length === 1 ? parts : parts.flatMap(conjunctsOf);
}
