import { ConfigError, type Problem } from '../errors/config-error.ts';
import { UnavailableError } from '../errors/database-error.ts';
import { RelocationError } from '../errors/relocation-error.ts';
import type { Executor } from '../execution/executor.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Shard } from '../topology/topology.ts';
import { defineFence, fenceScript, unfencedOf } from './fence.ts';
import type { FencedTable } from './fence-triggers.ts';
import { hasDeparted, readLeavingTables } from './moves-table.ts';

export interface FenceMeans {
  readonly executor: Executor;
  readonly deadline: Deadline;
  /** Whether triggers that are missing may be defined. */
  readonly systemTables: 'create' | 'verify';
}

/** Between two attempts at a table that a transaction holds. */
const pauseMs = 250;

/**
 * Makes sure that a shard which owners have left refuses their rows in each of these tables: one may
 * have joined its group since, and one that an online schema change has made anew lost its triggers.
 *
 * @throws {UnavailableError} when a transaction holds a table until the deadline.
 */
export async function keepFence(
  { executor, deadline, systemTables }: FenceMeans,
  shard: Shard,
  tables: readonly FencedTable[],
  problems: Problem[],
): Promise<void> {
  if (tables.length === 0) return;
  const { rows } = await executor.runStatement(
    [shard.primary],
    readLeavingTables,
    'read',
    deadline,
  );
  const leaving = new Set(rows.map(({ tbl }) => String(tbl)));
  const needed = tables.filter(({ ownerTable }) => leaving.has(ownerTable));
  if (needed.length === 0) return;
  const unfenced = await unfencedOf(shard, needed, executor, deadline);
  if (unfenced.length === 0) return;
  if (systemTables === 'verify') {
    // A mover defines triggers before its owner leaves, and may be about to.
    if (!(await haveDeparted(shard, needed, executor, deadline))) return;
    const named = unfenced.map(({ table }) => `'${table}'`).join(', ');
    problems.push({
      path: shard.primary.path,
      message:
        `owners have left this shard, and ${named} would take their rows all the same: triggers are missing, as those of a table are ` +
        "that was made anew or joined its group later. Start once with systemTables: 'create', or run this as an administrator; " +
        fenceScript(unfenced),
    });
    return;
  }
  try {
    await defineOnceFree(() => defineFence(shard, unfenced, executor, deadline), deadline);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
}

async function haveDeparted(
  { primary }: Shard,
  tables: readonly FencedTable[],
  executor: Executor,
  deadline: Deadline,
): Promise<boolean> {
  for (const owners of new Set(tables.map(({ ownerTable }) => ownerTable))) {
    const { rows } = await executor.runStatement([primary], hasDeparted(owners), 'read', deadline);
    if (rows.length > 0) return true;
  }
  return false;
}

async function defineOnceFree(define: () => Promise<void>, deadline: Deadline): Promise<void> {
  for (;;) {
    try {
      return await define();
    } catch (error) {
      if (!(error instanceof RelocationError)) throw error;
      if (deadline.remainingMs <= pauseMs) {
        const { context } = error;
        throw new UnavailableError(
          `Table '${String(context.table)}' of shard ${String(context.shard)} needs triggers that refuse rows of owners who have left, ` +
            'and transactions held it for as long as the start may take.',
          { cause: error, context },
        );
      }
    }
    await deadline.pause(pauseMs);
  }
}
