import { isGroup, isKeyword, treeOf } from '../../mysql/sql/sql-tree.ts';
import { unclear } from './joined-tables.ts';
import type { KnownTables } from './known-tables.ts';
import { queryBlockOf } from './query-block.ts';
import { QueryJudge } from './query-judge.ts';
import { repeated } from './spread-refusals.ts';

/** Texts that were found right: a service runs few, again and again. */
const found = new WeakMap<KnownTables, Set<string>>();
const mostFound = 1_000;
const longestFound = 20_000;

const reads = ['SELECT', 'WITH', 'TABLE', 'VALUES'];

/**
 * Refuses a read whose answers from several shards, put together, are not the answer of one server that
 * holds all rows: where a row would come from each shard, or a shard would compare its own rows with its
 * own only. SHOW and EXPLAIN tell of each shard.
 *
 * @param known the same value for the same tables: what was found right is remembered by it.
 * @throws {MergeError} that names the table, and what to do instead.
 */
export function assertSpread(sql: string, known: KnownTables): void {
  const right = found.get(known) ?? new Set<string>();
  found.set(known, right);
  if (right.has(sql)) return;
  judge(sql, known);
  if (sql.length > longestFound) return;
  if (right.size >= mostFound) right.clear();
  right.add(sql);
}

function judge(sql: string, known: KnownTables): void {
  const nodes = treeOf(sql);
  if (nodes === undefined) throw unclear(undefined);
  const [first] = nodes;
  if (!isGroup(first) && !isKeyword(first, ...reads)) return;
  const judging = new QueryJudge(known);
  judging.assertOwnRows(sql);
  const spread = judging.query(queryBlockOf(nodes), undefined, new Map());
  if (spread === undefined) throw repeated(judging.reference);
}
