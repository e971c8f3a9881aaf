import {
  isGroup,
  isKeyword,
  isSymbol,
  nameIn,
  type SqlNode,
  type SqlNodes,
  splitNodes,
} from '../../mysql/sql/sql-tree.ts';
import { type Joined, joinedIn, unclear } from './joined-tables.ts';

/** One SELECT with what stands around it. */
export interface QueryBlock {
  readonly ctes: readonly { readonly name: string; readonly query: QueryBlock }[];
  /** The list of what is selected. */
  readonly items: SqlNodes;
  /** One for each table, or chain of joins, between the commas of FROM. */
  readonly from: readonly Joined[];
  readonly where: SqlNodes;
  /** What follows: none of it joins tables. */
  readonly rest: SqlNodes;
}

/** How a clause begins that follows FROM. All are reserved words on every server, so that none is an alias. */
const behindFrom = 'WHERE GROUP HAVING ORDER LIMIT FOR LOCK INTO PROCEDURE'.split(' ');
/** What joins tables, or puts queries together, where this reads neither: behind `a FOR SYSTEM_TIME ALL` FROM goes on. */
const foreign =
  'FROM JOIN STRAIGHT_JOIN SELECT TABLE VALUES UNION EXCEPT INTERSECT SYSTEM_TIME'.split(' ');

/** @throws {MergeError} for what is not understood. */
export function queryBlockOf(nodes: SqlNodes): QueryBlock {
  const { ctes, end: at } = ctesOf(nodes);
  const head = nodes[at];
  if (isGroup(head)) {
    const inner = queryBlockOf(head.nodes);
    const rest = [...inner.rest, ...plain(nodes.slice(at + 1))];
    return { ...inner, ctes: [...ctes, ...inner.ctes], rest };
  }
  const nothing = { ctes, items: [], from: [], where: [], rest: [] };
  if (isKeyword(head, 'VALUES')) return { ...nothing, items: nodes.slice(at + 1) };
  const end = clauseEnd(nodes, at);
  if (isKeyword(head, 'TABLE')) {
    return {
      ...nothing,
      from: [joinedIn(nodes.slice(at + 1, end))],
      rest: plain(nodes.slice(end)),
    };
  }
  if (!isKeyword(head, 'SELECT')) throw unclear(head);
  const selected = nodes.slice(at + 1, end);
  const from = selected.findIndex((node) => isKeyword(node, 'FROM'));
  const clauses = clausesOf(nodes, end);
  if (from < 0) return { ...nothing, items: selected, ...clauses };
  return {
    ctes,
    items: selected.slice(0, from),
    from: splitNodes(selected.slice(from + 1)).map(joinedIn),
    ...clauses,
  };
}

function ctesOf(nodes: SqlNodes): { readonly ctes: QueryBlock['ctes']; readonly end: number } {
  const ctes: { name: string; query: QueryBlock }[] = [];
  if (!isKeyword(nodes[0], 'WITH')) return { ctes, end: 0 };
  let at = isKeyword(nodes[1], 'RECURSIVE') ? 2 : 1;
  for (; ; at++) {
    const name = nameIn(nodes[at]);
    // The names of its columns.
    if (isGroup(nodes[at + 1])) at++;
    const body = nodes[at + 2];
    if (name === undefined || !isKeyword(nodes[at + 1], 'AS') || !isGroup(body)) {
      throw unclear(nodes[at]);
    }
    ctes.push({ name, query: queryBlockOf(body.nodes) });
    at += 3;
    if (!isSymbol(nodes[at], ',')) return { ctes, end: at };
  }
}

function clausesOf(nodes: SqlNodes, end: number): Pick<QueryBlock, 'where' | 'rest'> {
  if (!isKeyword(nodes[end], 'WHERE')) return { where: [], rest: plain(nodes.slice(end)) };
  const next = clauseEnd(nodes, end);
  return { where: plain(nodes.slice(end + 1, next)), rest: plain(nodes.slice(next)) };
}

function plain(nodes: SqlNodes): SqlNodes {
  const stray = nodes.find((node) => isKeyword(node, ...foreign));
  if (stray !== undefined) throw unclear(stray);
  return nodes;
}

function clauseEnd(nodes: SqlNodes, from: number): number {
  const isEnd = (node: SqlNode) => isSymbol(node, ';') || isKeyword(node, ...behindFrom);
  const end = nodes.findIndex((node, index) => index > from && isEnd(node));
  return end < 0 ? nodes.length : end;
}
