import type { TransactionScope } from '../commit/transaction-scope.ts';
import { RoutingError } from '../errors/routing-error.ts';
import { PartialWriteError } from '../errors/scatter-error.ts';
import type { Call } from '../execution/call.ts';
import type { CallOptions } from '../execution/call-gate.ts';
import { holdFact } from '../identity/facts-table.ts';
import { isShardSetOf, shardSetFact } from '../identity/shard-set.ts';
import type { SqlValue } from '../mysql/sql/sql.ts';
import type { RowKey } from '../rows/row-codec.ts';
import type { RowSchema } from '../rows/schema/row-schema.ts';
import { forgetUnknown, inTime } from '../rows/writes/effects.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { Topology } from '../topology/topology.ts';
import type { ReferenceRuntime } from './reference-runtime.ts';
import type { ReferenceWriteResult } from './reference-types.ts';
import { isNotApplied, writeEverywhere } from './write-everywhere.ts';

type Change = (scope: TransactionScope) => Promise<number>;

/** How a reference table is written: on every shard, then the cache forgets what it held. */
export class ReferenceWrites<Schema extends RowSchema> {
  readonly #runtime: ReferenceRuntime<Schema>;

  constructor(runtime: ReferenceRuntime<Schema>) {
    this.#runtime = runtime;
  }

  put(
    input: Readonly<Record<string, unknown>>,
    options: CallOptions | undefined,
  ): Promise<ReferenceWriteResult> {
    const { calls, codec, table } = this.#runtime;
    return calls.run('put', table.name, options, async (call) => {
      const row: Readonly<Record<string, unknown>> = codec.parse(input);
      const values = codec.encode(row);
      const key = codec.key(row[table.primaryKey]);
      return this.#write(key, call, (scope) => this.#store(scope, key, values));
    });
  }

  delete(value: ShardKey, options: CallOptions | undefined): Promise<ReferenceWriteResult> {
    const { calls, codec, statements, table } = this.#runtime;
    return calls.run('delete', table.name, options, async (call) => {
      const key = codec.key(value);
      const statement = statements.remove(key.param);
      return this.#write(key, call, async (scope) => (await scope.run(statement)).affected);
    });
  }

  async #store(scope: TransactionScope, key: RowKey, values: readonly SqlValue[]): Promise<number> {
    const { broadcast, codec, statements } = this.#runtime;
    await scope.run(broadcast.claim(values));
    const { affected } = await scope.run(statements.update(codec.columns, values, key.param));
    // What was claimed is a row of another key, so the server says which unique key is taken.
    if (affected === 0) await scope.run(statements.insert([values]));
    return 1;
  }

  /** Inside of the transaction: who records a shard that joins waits until it has ended. */
  async #assertOnAllShards(scope: TransactionScope, topology: Topology): Promise<void> {
    const { rows } = await scope.run(holdFact(shardSetFact));
    const [recorded] = rows;
    if (isShardSetOf(topology, recorded && String(recorded.value))) return;
    const { name } = this.#runtime.table;
    throw new RoutingError(
      `'${name}' is on other shards by now than those of this process's topology (epoch ${topology.epoch}): the write ` +
        'would miss some of them. Start this process with the newest topology; one that runs on it may write.',
      { table: name, epoch: topology.epoch },
    );
  }

  async #write(key: RowKey, call: Call, change: Change): Promise<ReferenceWriteResult> {
    const { cache, executor, table, turns, seen } = this.#runtime;
    const shards = [...call.topology.shards.values()];
    const checked: Change = async (scope) => {
      await this.#assertOnAllShards(scope, call.topology);
      return change(scope);
    };
    const written = await turns.take(call, () =>
      writeEverywhere(executor, { shards, deadline: call, change: checked }),
    );
    for (const { result, gtid } of written) {
      if (result.outcome !== 'not-applied') seen.note(result.shard, gtid);
    }
    const results = written.map(({ result }) => result);
    const forget = async () => (await cache?.invalidate([key.text])) ?? 'done';
    const refusal = results.find(({ error }) => error !== undefined)?.error;
    if (refusal === undefined) return { results, invalidation: await inTime(forget(), call) };
    if (results.every(isNotApplied)) throw refusal;
    const error = results.length === 1 ? refusal : new PartialWriteError(table.name, results, true);
    await forgetUnknown(error, call, forget);
    throw error;
  }
}
