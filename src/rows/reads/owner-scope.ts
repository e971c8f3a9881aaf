import { RoutingError } from '../../errors/routing-error.ts';
import type { Statement, StatementResult } from '../../mysql/sql/sql.ts';
import { canonicalKey, isShardKey, type ShardKey } from '../../sharding/shard-key.ts';
import type { TableRuntime } from '../table-runtime.ts';

type Run = (statement: Statement) => Promise<StatementResult>;

/**
 * Refuses a key that is the id of an owner's row where the owner's own is needed: what is told apart by
 * owner, and moves with one, would be looked for under another name. An id of this keyspace names one
 * thing, so a row that has it for its primary key tells.
 *
 * @throws {RoutingError}
 */
export async function assertOwner(
  tables: readonly TableRuntime[],
  key: ShardKey,
  run: Run,
): Promise<void> {
  for (const { table, codec, statements } of tables) {
    if (table.primaryKey === table.shardKey) continue;
    const param = paramOf(codec, key);
    if (param === undefined) continue;
    const { rows } = await run(statements.selectByKeys([param]));
    const isRow = rows.some((raw) => {
      const owner = codec.valueOf(table.shardKey, raw);
      return isShardKey(owner) && canonicalKey(owner) !== canonicalKey(key);
    });
    if (!isRow) continue;
    throw new RoutingError(
      `at() was given the id of a row of '${table.name}', where its owner's '${table.shardKey}' is needed: ` +
        'idempotency keys and lists belong to the owner.',
      { table: table.name, column: table.shardKey },
    );
  }
}

/** Undefined when the table's key can't be such a value. */
function paramOf(codec: TableRuntime['codec'], key: ShardKey) {
  try {
    return codec.key(key).param;
  } catch (error) {
    if (error instanceof RoutingError) return undefined;
    throw error;
  }
}
