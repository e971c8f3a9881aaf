import { tokensOf } from '../../mysql/sql/sql-tokens.ts';
import { isGroup, isKeyword, isSymbol, type SqlNodes, treeOf } from '../../mysql/sql/sql-tree.ts';
import { partialIn } from '../scatter-statement.ts';
import { isQuery, type Join, type Joined, type NamedTable, unclear } from './joined-tables.ts';
import type { KnownTables } from './known-tables.ts';
import { columnIn, equalitiesIn } from './owner-equality.ts';
import { type QueryBlock, queryBlockOf } from './query-block.ts';
import { isSamePlace, QueryScope, type Spread } from './query-scope.ts';
import { besides, hiding, keptWithout, looking } from './spread-refusals.ts';

/** What the queries of WITH give, by their names: undefined where it is the same on each shard. */
type Ctes = ReadonlyMap<string, Spread | undefined>;

/** Finds which of a query's rows are on which shard, as far as its text tells. */
export class QueryJudge {
  readonly #known: KnownTables;
  readonly #open = new Set<string>();
  #reference: string | undefined;

  constructor(known: KnownTables) {
    this.#known = known;
  }

  /** A reference table that was met. */
  get reference(): string | undefined {
    return this.#reference;
  }

  /**
   * @param outer the tables around a query that stands in an expression.
   * @returns undefined where the rows are the same on each shard; else what stands for all spread tables.
   */
  query(block: QueryBlock, outer: QueryScope | undefined, around: Ctes): Spread | undefined {
    const ctes = new Map(around);
    for (const { name, query } of block.ctes) ctes.set(name, this.query(query, undefined, ctes));
    const scope = new QueryScope(outer);
    const conditions: SqlNodes[] = [];
    for (const joined of block.from) this.#join(joined, scope, ctes, conditions);
    const links = equalitiesIn(block.where).map((equality) => scope.paired(equality));
    let isLinked = false;
    for (const link of links) {
      if (link?.every((source) => scope.has(source))) scope.join(...link);
      else if (link?.some((source) => scope.has(source))) isLinked = true;
    }
    const [first, ...more] = scope.spread;
    const apart = first && more.find((other) => !scope.areJoined(first, other));
    if (first !== undefined && apart !== undefined) throw besides(apart, first);
    for (const nodes of [block.items, ...conditions, block.where, block.rest]) {
      this.#expression(nodes, scope, ctes);
    }
    // A query that asks for rows of the owner around it finds all of them on the shard of that owner.
    return isLinked ? undefined : first;
  }

  /** @returns the tables among what is joined whose rows are spread. */
  #join(joined: Joined, scope: QueryScope, ctes: Ctes, conditions: SqlNodes[]): Spread[] {
    if (joined.kind === 'join') return this.#both(joined, scope, ctes, conditions);
    const source = this.#source(joined, scope, ctes);
    if (!scope.add(joined.alias, source)) throw unclear(undefined);
    return source === undefined ? [] : [source];
  }

  #both(join: Join, scope: QueryScope, ctes: Ctes, conditions: SqlNodes[]): Spread[] {
    const left = this.#join(join.left, scope, ctes, conditions);
    const right = this.#join(join.right, scope, ctes, conditions);
    conditions.push(join.on);
    const [kept, filled] = join.type === 'right' ? [right, left] : [left, right];
    if (join.type !== 'inner' && kept.length === 0 && filled[0] !== undefined) {
      throw keptWithout(filled[0]);
    }
    const pairs = [
      ...equalitiesIn(join.on).map((equality) => scope.paired(equality)),
      ...pairsByName(join, left, right),
    ];
    for (const pair of pairs) {
      if (pair === undefined || !pair.every((source) => scope.has(source))) continue;
      const isAcross =
        (left.includes(pair[0]) && right.includes(pair[1])) ||
        (left.includes(pair[1]) && right.includes(pair[0]));
      if (join.type === 'inner') scope.join(...pair);
      else if (isAcross) {
        // The condition of an outer join puts together what it joins, and keeps rows for which it does not hold.
        scope.join(...pair);
        break;
      }
    }
    return [...left, ...right];
  }

  #source(joined: Exclude<Joined, Join>, scope: QueryScope, ctes: Ctes): Spread | undefined {
    switch (joined.kind) {
      case 'made':
        this.#expression(joined.nodes, scope, ctes);
        return undefined;
      case 'query': {
        const found = this.query(queryBlockOf(joined.nodes), undefined, ctes);
        return found && { name: found.name, table: undefined };
      }
      case 'table':
        return this.#table(joined, ctes);
    }
  }

  #table({ name, database }: NamedTable, ctes: Ctes): Spread | undefined {
    if (database === undefined && ctes.has(name)) {
      const given = ctes.get(name);
      return given && { name: given.name, table: undefined };
    }
    if (name === 'dual' && database === undefined) return undefined;
    if (database !== undefined && !this.#isOwn(database)) {
      return { name: `${database}.${name}`, table: undefined };
    }
    const view = this.#known.effects.definitionsOf(name);
    if (view !== undefined) return this.#view(name, view);
    if (this.#known.references.has(name)) {
      this.#reference ??= name;
      return undefined;
    }
    const table = this.#known.placed.get(name);
    return { name: table?.name ?? name, table };
  }

  /** Whether a database is that of each shard that reads the text; a view is read on the shard that it is of. */
  #isOwn(database: string): boolean {
    const { databases } = this.#known;
    return databases.has(database) && (databases.size === 1 || this.#open.size > 0);
  }

  /** A view is read as its definitions would be in its place. */
  #view(name: string, definitions: ReadonlySet<string | undefined>): Spread | undefined {
    if (this.#open.has(name)) throw hiding(name, undefined);
    this.#open.add(name);
    const spread = [...definitions].map((definition) => {
      const nodes = definition === undefined ? undefined : treeOf(definition);
      if (definition === undefined || nodes === undefined) throw hiding(name, undefined);
      const partial = partialIn(tokensOf(definition), 0) ?? this.#looker(definition);
      if (partial !== undefined) throw hiding(name, partial);
      return this.query(queryBlockOf(nodes), undefined, new Map()) !== undefined;
    });
    this.#open.delete(name);
    // Spread on one shard, and the same on another: two views of one name.
    if (new Set(spread).size > 1) throw hiding(name, undefined);
    return spread[0] ? { name, table: this.#known.placed.get(name) } : undefined;
  }

  /** Refuses functions that read rows of the shard, or may. */
  assertOwnRows(sql: string): void {
    const looker = this.#looker(sql);
    if (looker !== undefined) throw looking(looker);
  }

  #looker(sql: string): string | undefined {
    const { effects } = this.#known;
    return effects.runIn(tokensOf(sql), effects.lookers);
  }

  /** Judges the queries that stand in an expression. */
  #expression(nodes: SqlNodes, scope: QueryScope, ctes: Ctes): void {
    for (const [index, node] of nodes.entries()) {
      if (!isGroup(node)) continue;
      if (!isQuery(node)) {
        this.#expression(node.nodes, scope, ctes);
        continue;
      }
      const block = queryBlockOf(node.nodes);
      const found = this.query(block, scope, ctes);
      if (found === undefined || isAmong(operandBefore(nodes, index - 1), block, found, scope))
        continue;
      throw besides(found, scope.nearest());
    }
  }
}

/** The tables that USING and NATURAL put together: by columns that both sides have. */
function pairsByName(
  { using }: Join,
  left: readonly Spread[],
  right: readonly Spread[],
): (readonly [Spread, Spread])[] {
  return left.flatMap((one) =>
    right.flatMap((other) => {
      const names =
        using === 'natural' ? [other.table?.owner.name ?? '', other.table?.key.name ?? ''] : using;
      const isSame = names.some((name) => isSamePlace([one, name], [other, name], false));
      return isSame ? [[one, other] as const] : [];
    }),
  );
}

/**
 * Whether the query of `owner IN (SELECT owner FROM …)` looks among rows of that owner only, which are on
 * one shard. Of one table: where rows are filled up with NULL, NOT IN would depend on those of other shards.
 */
function isAmong(
  operand: SqlNodes,
  { from, items }: QueryBlock,
  found: Spread,
  scope: QueryScope,
): boolean {
  const [only, ...more] = from;
  const [column, item] = [columnIn(operand), columnIn(items)];
  if (only?.kind !== 'table' || more.length > 0 || column === undefined || item === undefined) {
    return false;
  }
  if ((item.table ?? only.alias) !== only.alias) return false;
  const source = scope.find(column);
  return source !== undefined && isSamePlace([source, column.column], [found, item.column], false);
}

/** What stands before the IN at a place; nothing where another operator takes it. */
function operandBefore(nodes: SqlNodes, at: number): SqlNodes {
  if (!isKeyword(nodes[at], 'IN')) return [];
  const end = isKeyword(nodes[at - 1], 'NOT') ? at - 1 : at;
  let start = end - 1;
  while (isSymbol(nodes[start - 1], '.')) start -= 2;
  const around = nodes[start - 1];
  const isAlone = around === undefined || isKeyword(around, 'AND', 'OR', 'XOR', 'NOT');
  return isAlone ? nodes.slice(Math.max(0, start), end) : [];
}
