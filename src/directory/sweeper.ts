import { forgetOldRecords } from '../commit/commit-record.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Call } from '../execution/call.ts';
import type { Executor } from '../execution/executor.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import type { Observer } from '../observability/events.ts';
import { keyspaceOf } from '../routing/router.ts';
import type { Shard } from '../topology/topology.ts';
import type { Directory } from './directory.ts';
import { type Entry, readEntry, selectDangling } from './directory-table.ts';
import type { Reserver } from './reserver.ts';

const entriesPerPage = 200;
/** How long the resolving of one entry may wait for a transaction that is still open. */
const patienceMs = 2_000;
/** Marks are kept for longer than any connection lives, so that a paused writer still collides. */
const recordsKeptDays = 7;
const timedSweepMs = 60_000;

/**
 * What a sweep of the directory found, counted in entries.
 *
 * @see {@link DirectoryHandle}
 */
export interface SweepResult {
  /** Belonged to writes that had been applied, and now say so. */
  readonly applied: number;
  /** Belonged to writes that never were applied, and never will be. */
  readonly aborted: number;
  /** Could not be resolved: their transaction is still open, or a shard did not answer. */
  readonly pending: number;
}

export interface SweeperParts {
  readonly directory: Directory;
  readonly reserver: Reserver;
  readonly executor: Executor;
  readonly upkeep: Upkeep;
  /** The keyspaces whose tables have lookups. */
  readonly keyspaces: readonly string[];
  /** From this age on a write that is not confirmed counts as abandoned. */
  readonly reservationMs: number;
  /** Milliseconds between two sweeps, on average; 0: none. */
  readonly sweepMs: number;
  readonly observe: Observer;
}

/** Resolves the writes that died half-way. Every process may sweep, also at the same time. */
export class Sweeper {
  readonly #parts: SweeperParts;
  /** What the sweep before this one could not resolve. */
  #pending = 0;

  constructor(parts: SweeperParts) {
    this.#parts = parts;
    parts.upkeep.add({
      everyMs: parts.sweepMs,
      timeoutMs: timedSweepMs,
      run: (call) => this.sweep(call),
      onFailure(error) {
        const message = isMeridianError(error) ? error.message : String(error);
        parts.observe({ type: 'directory-fault', operation: 'sweep', message });
      },
    });
  }

  async sweep(call: Call): Promise<SweepResult> {
    const { directory, executor, keyspaces, observe } = this.#parts;
    const { topology } = call;
    const results = await Promise.all(
      directory.shardsIn(topology).map((shard) => this.#sweepShard(shard, call)),
    );
    const sum = (of: keyof SweepResult) => results.reduce((total, result) => total + result[of], 0);
    const total = { applied: sum('applied'), aborted: sum('aborted'), pending: sum('pending') };
    // Also that nothing is pending any more.
    if (total.applied + total.aborted + total.pending + this.#pending > 0) {
      observe({ type: 'directory-resolved', ...total });
    }
    this.#pending = total.pending;
    // A mark may go only when no entry is left that asks for it.
    if (total.pending === 0) {
      const shards = keyspaces.flatMap((name) => keyspaceOf(topology, name).shards);
      await Promise.all(
        shards.map(({ primary }) => forgetOldRecords(executor, primary, recordsKeptDays, call)),
      );
    }
    return total;
  }

  async #sweepShard({ primary }: Shard, call: Call): Promise<SweepResult> {
    const { executor, reservationMs } = this.#parts;
    const count = { applied: 0, aborted: 0, pending: 0 };
    for (;;) {
      // What is resolved leaves the list; what is not stays at its head.
      const page = selectDangling(reservationMs, entriesPerPage, count.pending);
      const { rows } = await executor.runStatement([primary], page, 'read', call);
      for (const row of rows) count[await this.#resolve(readEntry(row), call)]++;
      if (rows.length < entriesPerPage) return count;
    }
  }

  async #resolve(entry: Entry, call: Call): Promise<keyof SweepResult> {
    const patience = call.part(Math.max(1, Math.min(patienceMs, call.remainingMs)));
    const stopListening = call.onCancel((reason) => patience.cancel(reason));
    try {
      return await this.#parts.reserver.resolve(entry, patience);
    } catch (error) {
      if (call.reason !== undefined || !isMeridianError(error)) throw error;
      return 'pending';
    } finally {
      stopListening();
      patience.end();
    }
  }
}
