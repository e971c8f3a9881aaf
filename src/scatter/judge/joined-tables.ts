import { MergeError } from '../../errors/scatter-error.ts';
import {
  isGroup,
  isKeyword,
  isSymbol,
  nameIn,
  type SqlGroup,
  type SqlNode,
  type SqlNodes,
  splitNodes,
} from '../../mysql/sql/sql-tree.ts';

/** A table of FROM, a query there, what is made of a document, or two of these that are joined. */
export type Joined = NamedTable | InnerQuery | Made | Join;

export interface NamedTable {
  readonly kind: 'table';
  readonly name: string;
  readonly database: string | undefined;
  readonly alias: string;
}

export interface InnerQuery {
  readonly kind: 'query';
  readonly nodes: SqlNodes;
  readonly alias: string;
}

/** `JSON_TABLE(…)`: made of a value that is at hand, and so the same on each shard. */
export interface Made {
  readonly kind: 'made';
  readonly nodes: SqlNodes;
  readonly alias: string;
}

export interface Join {
  readonly kind: 'join';
  readonly type: 'inner' | 'left' | 'right';
  readonly left: Joined;
  readonly right: Joined;
  readonly on: SqlNodes;
  /** The columns of USING; `natural` for all that have one name. */
  readonly using: readonly string[] | 'natural';
}

/** What begins the next part of a FROM, and so is no alias. `FULL` is one to servers without FULL JOIN. */
const joining =
  'JOIN INNER CROSS LEFT RIGHT FULL OUTER NATURAL STRAIGHT_JOIN ON USING USE FORCE IGNORE PARTITION LATERAL'.split(
    ' ',
  );
const heads = ['SELECT', 'WITH', 'TABLE', 'VALUES'];

/** Whether parentheses hold a query. */
export function isQuery({ nodes: [first] }: SqlGroup): boolean {
  return isGroup(first) ? isQuery(first) : isKeyword(first, ...heads);
}

/**
 * What is joined between two commas of FROM.
 *
 * @throws {MergeError} for what is not understood.
 */
export function joinedIn(nodes: SqlNodes): Joined {
  const reader = new Reader(nodes);
  let left = factorOf(reader);
  while (!reader.isDone) left = joinOf(reader, left);
  return left;
}

function joinOf(reader: Reader, left: Joined): Join {
  const isNatural = reader.take('NATURAL');
  const side = reader.take('LEFT') ? 'left' : reader.take('RIGHT') ? 'right' : undefined;
  const isPlain = side === undefined && !reader.take('INNER') && !reader.take('CROSS');
  if (side !== undefined) reader.take('OUTER');
  if (!reader.take('JOIN') && !(isPlain && reader.take('STRAIGHT_JOIN')))
    throw unclear(reader.next);
  const type = side ?? 'inner';
  const right = factorOf(reader);
  const rule = { kind: 'join', type, left, right, on: [] } as const;
  if (isNatural) return { ...rule, using: 'natural' };
  if (reader.take('USING')) {
    const columns = reader.group();
    if (columns === undefined) throw unclear(reader.next);
    return { ...rule, using: splitNodes(columns.nodes).map(([name]) => nameIn(name) ?? '') };
  }
  if (reader.take('ON')) return { ...rule, on: reader.condition(), using: [] };
  // `a LEFT JOIN b JOIN c ON … ON …`: which condition is whose would have to be found out.
  if (type !== 'inner') throw unclear(reader.next);
  return { ...rule, using: [] };
}

function factorOf(reader: Reader): Joined {
  const group = reader.group();
  if (group !== undefined) {
    if (isQuery(group)) {
      const alias = aliasIn(reader) ?? '';
      reader.group();
      return { kind: 'query', nodes: group.nodes, alias };
    }
    return splitNodes(group.nodes)
      .map(joinedIn)
      .reduce((left, right) => ({ kind: 'join', type: 'inner', left, right, on: [], using: [] }));
  }
  if (isGroup(reader.after) && isKeyword(reader.next, 'JSON_TABLE')) {
    reader.name();
    const nodes = reader.group()?.nodes ?? [];
    return { kind: 'made', nodes, alias: aliasIn(reader) ?? '' };
  }
  if (isKeyword(reader.next, ...joining, ...heads)) throw unclear(reader.next);
  let name = reader.name();
  if (name === undefined) throw unclear(reader.next);
  let database: string | undefined;
  if (reader.dot()) [database, name] = [name, reader.name()];
  if (name === undefined || isGroup(reader.next)) throw unclear(reader.next);
  if (reader.take('PARTITION') && reader.group() === undefined) throw unclear(reader.next);
  const alias = aliasIn(reader) ?? name;
  while (reader.take('USE') || reader.take('FORCE') || reader.take('IGNORE')) {
    if (!reader.take('INDEX') && !reader.take('KEY')) throw unclear(reader.next);
    if (reader.group() === undefined) throw unclear(reader.next);
  }
  return { kind: 'table', name, database, alias };
}

function aliasIn(reader: Reader): string | undefined {
  const isSaid = reader.take('AS');
  if (!isSaid && isKeyword(reader.next, ...joining)) return undefined;
  const name = reader.name();
  if (isSaid && name === undefined) throw unclear(reader.next);
  return name;
}

class Reader {
  readonly #nodes: SqlNodes;
  #at = 0;

  constructor(nodes: SqlNodes) {
    this.#nodes = nodes;
  }

  get isDone(): boolean {
    return this.#at >= this.#nodes.length;
  }

  get next(): SqlNode | undefined {
    return this.#nodes[this.#at];
  }

  get after(): SqlNode | undefined {
    return this.#nodes[this.#at + 1];
  }

  take(word: string): boolean {
    if (!isKeyword(this.next, word)) return false;
    this.#at++;
    return true;
  }

  dot(): boolean {
    if (!isSymbol(this.next, '.')) return false;
    this.#at++;
    return true;
  }

  name(): string | undefined {
    const name = nameIn(this.next);
    if (name !== undefined) this.#at++;
    return name;
  }

  group(): SqlGroup | undefined {
    const { next } = this;
    if (!isGroup(next)) return undefined;
    this.#at++;
    return next;
  }

  /** What stands before the next join. */
  condition(): SqlNodes {
    const start = this.#at;
    while (!this.isDone && (!isKeyword(this.next, ...joining) || isFunction(this.next, this.after)))
      this.#at++;
    return this.#nodes.slice(start, this.#at);
  }
}

/** `LEFT(…)` and `RIGHT(…)` are functions too. */
function isFunction(node: SqlNode | undefined, after: SqlNode | undefined): boolean {
  return isKeyword(node, 'LEFT', 'RIGHT') && isGroup(after);
}

export function unclear(at: SqlNode | undefined): MergeError {
  const text = at === undefined || at.kind === 'group' ? '' : ` at '${at.text}'`;
  return new MergeError(
    `Which tables the statement reads is not understood${text}, so nothing says that its rows are right over several shards. ` +
      'Join tables by name, or ask shard by shard with everywhere.each().',
  );
}
