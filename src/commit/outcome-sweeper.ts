import { isMeridianError } from '../errors/meridian-error.ts';
import { allEnded } from '../execution/all-ended.ts';
import type { Call } from '../execution/call.ts';
import type { Executor } from '../execution/executor.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import { selectFact } from '../identity/facts-table.ts';
import { keepMsFact } from '../identity/shared-facts.ts';
import type { Observer } from '../observability/events.ts';
import type { Endpoint, Shard } from '../topology/topology.ts';
import { deleteOldOutcomes } from './idempotency-table.ts';

const sweepTimeoutMs = 60_000;
const outcomesPerDelete = 1_000;

export interface OutcomeSweeperParts {
  readonly executor: Executor;
  readonly upkeep: Upkeep;
  /** The keyspaces that have tables. */
  readonly keyspaces: ReadonlySet<string>;
  /** Milliseconds for which a key is remembered. */
  readonly keepMs: number;
  /** Milliseconds between two sweeps, on average; 0: none. */
  readonly sweepMs: number;
  readonly observe: Observer;
}

/**
 * What a sweep of idempotency keys did.
 *
 * @see {@link DataLayer}
 */
export interface SweptOutcomes {
  /** Keys that are not remembered any more. */
  readonly forgotten: number;
}

/** Forgets idempotency keys that nobody will repeat any more. Every process does so, also at the same time. */
export class OutcomeSweeper {
  readonly #parts: OutcomeSweeperParts;

  constructor(parts: OutcomeSweeperParts) {
    this.#parts = parts;
    const { upkeep, sweepMs, observe } = parts;
    upkeep.add({
      everyMs: sweepMs,
      timeoutMs: sweepTimeoutMs,
      run: (call) => this.sweep(call),
      onFailure(error) {
        const message = isMeridianError(error) ? error.message : String(error);
        observe({ type: 'idempotency-fault', message });
      },
    });
  }

  async sweep(call: Call): Promise<SweptOutcomes> {
    const { keyspaces } = this.#parts;
    const shards = [...call.topology.shards.values()].filter(({ keyspace }) =>
      keyspaces.has(keyspace),
    );
    const counts = await allEnded(shards.map((shard) => this.#sweepShard(shard, call)));
    return { forgotten: counts.reduce((sum, count) => sum + count, 0) };
  }

  async #sweepShard({ primary }: Shard, call: Call): Promise<number> {
    const keepMs = await this.#keepMs(primary, call);
    const statement = deleteOldOutcomes(keepMs, outcomesPerDelete);
    for (let forgotten = 0; ; ) {
      // What is gone is gone.
      const { affected } = await this.#parts.executor.runRepeatable(primary, statement, call);
      forgotten += affected;
      if (affected < outcomesPerDelete) return forgotten;
    }
  }

  /** Another service may rely on its keys for longer than this one does. */
  async #keepMs(primary: Endpoint, call: Call): Promise<number> {
    const statement = selectFact(keepMsFact);
    const { executor, keepMs } = this.#parts;
    const { rows } = await executor.runStatement([primary], statement, 'read', call);
    return Math.max(keepMs, Number(rows[0]?.value ?? 0));
  }
}
