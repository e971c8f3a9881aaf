import { type SqlToken, tokensOf } from './sql-tokens.ts';

/** What stands between a pair of parentheses. */
export interface SqlGroup {
  readonly kind: 'group';
  readonly nodes: SqlNodes;
}

/** One token, or a pair of parentheses with all that it holds. */
export type SqlNode = SqlToken | SqlGroup;
export type SqlNodes = readonly SqlNode[];

/**
 * The tokens of a text by the parentheses around them. Linear in its length; undefined where parentheses
 * do not match, or more than `mostNested` are open at once.
 */
export function treeOf(sql: string, mostNested = 100): SqlNodes | undefined {
  const root: SqlNode[] = [];
  const open = [root];
  for (const token of tokensOf(sql)) {
    const around = open.at(-1);
    if (around === undefined || open.length > mostNested) return undefined;
    if (token.kind === 'symbol' && token.text === '(') {
      const nodes: SqlNode[] = [];
      around.push({ kind: 'group', nodes });
      open.push(nodes);
    } else if (token.kind === 'symbol' && token.text === ')') {
      open.pop();
    } else {
      around.push(token);
    }
  }
  return open.length === 1 ? root : undefined;
}

export function isGroup(node: SqlNode | undefined): node is SqlGroup {
  return node?.kind === 'group';
}

export function isSymbol(node: SqlNode | undefined, text: string): boolean {
  return node?.kind === 'symbol' && node.text === text;
}

/** Whether a node is one of these words, in upper case, and no name behind a dot. */
export function isKeyword(node: SqlNode | undefined, ...words: readonly string[]): boolean {
  return node?.kind === 'word' && !node.qualified && words.includes(node.text);
}

/** A name in lower case, as servers compare it that do not tell letter cases apart. */
export function nameIn(node: SqlNode | undefined): string | undefined {
  return node?.kind === 'word' || node?.kind === 'name' ? node.text.toLowerCase() : undefined;
}

/** The parts of a list between its commas. */
export function splitNodes(nodes: SqlNodes): SqlNode[][] {
  const parts: SqlNode[][] = [[]];
  for (const node of nodes) {
    if (isSymbol(node, ',')) parts.push([]);
    else parts.at(-1)?.push(node);
  }
  return parts;
}
