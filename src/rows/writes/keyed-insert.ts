import { type KeyScope, keyedOperation } from '../../commit/idempotency-key.ts';
import { type Performed, runOnce } from '../../commit/run-once.ts';
import type { Committed, Resolve } from '../../commit/transaction.ts';
import type { TransactionScope } from '../../commit/transaction-scope.ts';
import type { Call } from '../../execution/call.ts';
import { isShardKey, type ShardKey } from '../../sharding/shard-key.ts';
import { packValue, unpackValue } from '../../values/pack-value.ts';
import { ReadPath } from '../reads/read-path.ts';
import { routePrimaryKey } from '../route-row.ts';
import type { RowOf, RowSchema } from '../schema/define-table.ts';
import type { TableRuntime } from '../table-runtime.ts';
import type { Written } from './effects.ts';
import type { PlannedRow } from './planned-write.ts';
import type { Reservations } from './row-index.ts';

type Input = Readonly<Record<string, unknown>>;

/** An insert as its caller asked for it. */
export interface KeyedInsert {
  readonly input: Input;
  readonly idempotencyKey: string;
}

/** A row as it was stored; null: it was stored by an earlier call, and is gone. */
export interface StoredRow<Schema extends RowSchema> extends Written {
  readonly row: RowOf<Schema> | null;
}

/**
 * Stores a row once, however often it is asked for under its key.
 *
 * @returns the row as it was stored; when that was done before, as it is now.
 * @throws {IdempotencyConflictError} when it was something else that was done under its key.
 */
export async function insertOnce<Schema extends RowSchema>(
  runtime: TableRuntime<Schema>,
  { input, idempotencyKey }: KeyedInsert,
  planned: PlannedRow<Schema>,
  reservations: Reservations,
  call: Call,
): Promise<StoredRow<Schema>> {
  const { executor, table, statements } = runtime;
  const { primary } = planned.route.shard;
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  const operation = keyedOperation(
    scopeOf(runtime, planned),
    idempotencyKey,
    ['insert', table.name, Object.fromEntries(given)],
    planned.route.locator,
  );
  const insert = async (scope: TransactionScope): Promise<Performed<RowOf<Schema>>> => {
    await scope.run(statements.insert([planned.values]));
    const key: unknown = Reflect.get(planned.row, table.primaryKey);
    return { value: planned.row, result: JSON.stringify(packValue(key)) };
  };
  const transact = (
    body: (scope: TransactionScope) => Promise<RowOf<Schema>>,
    resolve: Resolve,
  ): Promise<Committed<RowOf<Schema>>> =>
    reservations.transact(executor, primary, call, body, { resolve });
  const outcome = await runOnce({ executor, primary, operation, deadline: call, transact }, insert);
  if (!outcome.repeated) return { row: outcome.value, gtid: outcome.gtid };
  const key = storedKey(outcome.result);
  const { row, route } = await new ReadPath(runtime).locate(key, call);
  const home = routePrimaryKey(call.topology, table, key).shard.name;
  return { row, gtid: undefined, elsewhere: [route.shard.name, home] };
}

/** A row that names its owner shares the owner's keys; one that is its own and has no id yet can't. */
function scopeOf<Schema extends RowSchema>(
  { table, forwarding }: TableRuntime<Schema>,
  { isFresh, row }: PlannedRow<Schema>,
): KeyScope {
  const { keyspace, name, shardKey, primaryKey } = table;
  if (isFresh && shardKey === primaryKey) return { keyspace, newOf: name };
  return { keyspace, owner: asKey(Reflect.get(row, shardKey)), moves: forwarding.mayMove };
}

function storedKey(result: string | undefined): ShardKey {
  return asKey(unpackValue(JSON.parse(result ?? 'null')));
}

function asKey(value: unknown): ShardKey {
  if (isShardKey(value)) return value;
  throw new TypeError('a row was stored without its keys');
}
