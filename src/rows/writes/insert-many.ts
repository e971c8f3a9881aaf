import type { TransactionScope } from '../../commit/transaction-scope.ts';
import { isMeridianError } from '../../errors/meridian-error.ts';
import type { ShardResult } from '../../errors/scatter-error.ts';
import type { Call } from '../../execution/call.ts';
import { mostHops } from '../../forwarding/forwarding.ts';
import type { Route } from '../../routing/route.ts';
import type { Shard } from '../../topology/topology.ts';
import { ownerOf } from '../forwardable.ts';
import type { RowSchema } from '../schema/define-table.ts';
import type { TableRuntime } from '../table-runtime.ts';
import { type Written, withEffects } from './effects.ts';
import { InsertEffects } from './insert-effects.ts';
import { placeOwnId } from './place-own-id.ts';
import type { PlannedRow } from './planned-write.ts';
import { insertBatches } from './write-plan.ts';

type Planned<Schema extends RowSchema> = readonly PlannedRow<Schema>[];

/** Rows where they were sent last, in the order given, and what each shard said of its part. */
export interface ManyInserted<Schema extends RowSchema> {
  readonly rows: Planned<Schema>;
  readonly results: readonly ShardResult[];
}

/** Stores the rows of each shard, all of them or none; all shards at once. */
export async function insertMany<Schema extends RowSchema>(
  runtime: TableRuntime<Schema>,
  planned: Planned<Schema>,
  call: Call,
): Promise<ManyInserted<Schema>> {
  // What the index refuses must be refused before any shard has taken its part.
  runtime.index.reservationsOf(planned);
  for (const row of planned) await placeOwnId(runtime, row, row.route, call);
  const rows = [...planned];
  const results: ShardResult[] = [];
  let waiting = rows.map((_, index) => index);
  for (let hop = 0; waiting.length > 0; hop++) {
    const sentOn: number[] = [];
    await Promise.all(
      [...byShard(rows, waiting)].map(async ([shard, part]) => {
        const group = part.flatMap((index) => rows[index] ?? []);
        const result = await insertOnShard(runtime, shard, group, call);
        const next = hop < mostHops ? await sendOn(runtime, group, result, call) : { result };
        if (next.group === undefined) {
          results.push(next.result);
          return;
        }
        for (const [at, row] of next.group.entries()) rows[part[at] ?? 0] = row;
        sentOn.push(...part);
      }),
    );
    waiting = sentOn;
  }
  return { rows, results };
}

/** One statement, or one transaction round several. */
async function insertOnShard<Schema extends RowSchema>(
  { executor, statements, seen, cache, index, maxPacketBytes }: TableRuntime<Schema>,
  shard: Shard,
  rows: Planned<Schema>,
  call: Call,
): Promise<ShardResult> {
  const batches = insertBatches(rows, maxPacketBytes()).map((batch) =>
    statements.insert(batch.map(({ values }) => values)),
  );
  const insertAll = async (scope: TransactionScope) => {
    for (const statement of batches) await scope.run(statement);
  };
  const [single, ...more] = batches;
  try {
    const reservations = index.reservationsOf(rows);
    const write = (): Promise<Written> => {
      if (reservations.isEmpty && single !== undefined && more.length === 0) {
        return executor.runStatement([shard.primary], single, 'write', call);
      }
      return reservations.transact(executor, shard.primary, call, insertAll);
    };
    const effects = new InsertEffects(shard.name, rows, reservations, cache);
    await withEffects(seen, effects, write(), call);
    return { shard: shard.name, outcome: 'applied', rows: rows.length };
  } catch (error) {
    if (!isMeridianError(error)) throw error;
    return { shard: shard.name, outcome: error.outcome, rows: 0, error };
  }
}

/** A shard's part: what it said last, and where its rows go now if that is not the end of it. */
interface Part<Schema extends RowSchema> {
  readonly result: ShardResult;
  readonly group?: Planned<Schema>;
}

/** Sends rows on that a shard refused because their owners have left. */
async function sendOn<Schema extends RowSchema>(
  runtime: TableRuntime<Schema>,
  rows: Planned<Schema>,
  result: ShardResult,
  call: Call,
): Promise<Part<Schema>> {
  const { forwarding } = runtime;
  if (!forwarding.mayHaveRefused(result.error)) return { result };
  const isRefusal = forwarding.hasRefused(result.error);
  const places = new Map<string, Route>();
  const group: PlannedRow<Schema>[] = [];
  try {
    for (const planned of rows) {
      const owner = ownerOf(runtime, planned.row);
      let place = places.get(owner.id);
      place ??= isRefusal
        ? await forwarding.afterRefusal(owner, planned.route, call)
        : await forwarding.locate(owner, planned.route, call);
      places.set(owner.id, place);
      await placeOwnId(runtime, planned, place, call);
      group.push(planned.at(place));
    }
  } catch (error) {
    if (!isMeridianError(error)) throw error;
    // Thrown, it would hide that other shards may have stored their parts.
    return { result: { ...result, error } };
  }
  const isNews = isRefusal || group.some((row, index) => row !== rows[index]);
  return isNews ? { result, group } : { result };
}

function byShard<Schema extends RowSchema>(
  rows: Planned<Schema>,
  indexes: readonly number[],
): Map<Shard, number[]> {
  const groups = new Map<Shard, number[]>();
  for (const index of indexes) {
    const shard = rows[index]?.route.shard;
    if (shard === undefined) continue;
    const group = groups.get(shard);
    if (group === undefined) groups.set(shard, [index]);
    else group.push(index);
  }
  return groups;
}
