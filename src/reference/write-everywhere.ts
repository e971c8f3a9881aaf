import { type Committed, runTransaction } from '../commit/transaction.ts';
import type { TransactionScope } from '../commit/transaction-scope.ts';
import { RolledBackError } from '../errors/database-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { ShardResult } from '../errors/scatter-error.ts';
import type { Executor } from '../execution/executor.ts';
import type { Shard } from '../topology/topology.ts';

/** What became of a change on one shard. */
export interface ShardWrite {
  readonly result: ShardResult;
  readonly gtid?: string | undefined;
}

/** One change that every shard is to take, the same on each. */
export interface BroadcastWrite {
  readonly shards: readonly Shard[];
  readonly deadline: Parameters<typeof runTransaction>[2];
  /**
   * Makes the change inside a transaction, locks what it changes, and gives the rows changed. Made
   * again where the transaction was rolled back.
   */
  change(scope: TransactionScope): Promise<number>;
}

/**
 * Makes one change on every shard, so that two writers of one row leave all shards the same: who
 * holds the row's lock on the first shard (by name) writes the others, then commits the first. The
 * other writers wait there, and so come later everywhere.
 *
 * When the first shard can't be had, or none of the others took the change, it is nowhere.
 *
 * @returns what became of it on each shard that was asked, the first shard first.
 */
export async function writeEverywhere(
  executor: Executor,
  { shards, deadline, change }: BroadcastWrite,
): Promise<ShardWrite[]> {
  const [first, ...others] = [...shards].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (first === undefined) return [];
  // Without gap locks, deleting a row that is not there would lock nothing.
  const config = { isolation: 'REPEATABLE READ' } as const;
  const writeOn = async (shard: Shard, body: (scope: TransactionScope) => Promise<number>) => {
    const write = runTransaction(executor, shard.primary, deadline, body, config);
    return resultOf(shard, write);
  };
  let elsewhere: Promise<ShardWrite[]> = Promise.resolve([]);
  const own = await writeOn(first, async (scope) => {
    const rows = await change(scope);
    elsewhere = Promise.all(
      others.map(async (shard) => {
        const written = await writeOn(shard, change);
        // A deadlock, or a connection that died in the pool, need not leave the shards different.
        return written.result.error instanceof RolledBackError ? writeOn(shard, change) : written;
      }),
    );
    const results = (await elsewhere).map(({ result }) => result);
    const [refusal] = results;
    if (refusal?.error !== undefined && results.every(isNotApplied)) throw refusal.error;
    return rows;
  });
  return [own, ...(await elsewhere)];
}

export function isNotApplied({ outcome }: ShardResult): boolean {
  return outcome === 'not-applied';
}

async function resultOf(shard: Shard, write: Promise<Committed<number>>): Promise<ShardWrite> {
  try {
    const { value, gtid } = await write;
    return { result: { shard: shard.name, outcome: 'applied', rows: value }, gtid };
  } catch (error) {
    if (!isMeridianError(error)) throw error;
    return { result: { shard: shard.name, outcome: error.outcome, rows: 0, error } };
  }
}
