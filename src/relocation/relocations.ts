import { isMeridianError } from '../errors/meridian-error.ts';
import type { Call } from '../execution/call.ts';
import type { CallGate, CallOptions } from '../execution/call-gate.ts';
import type { Executor } from '../execution/executor.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import type { Observer } from '../observability/events.ts';
import { Bulkhead } from '../resilience/admission/bulkhead.ts';
import type { TableRegistry } from '../rows/table-registry.ts';
import type { Shard, Topology } from '../topology/topology.ts';
import { forgetMoved, movingGroups, movingKeyspaces } from './moving-tables.ts';
import { Relocation } from './relocation.ts';
import { RelocationResolution } from './relocation-resolution.ts';
import { RelocationSweeper, type SweptRelocations } from './relocation-sweeper.ts';

const sweepMs = 30_000;
const sweepTimeoutMs = 20_000;

interface RelocationsParts {
  readonly executor: Executor;
  readonly upkeep: Upkeep;
  readonly calls: CallGate;
  readonly registry: TableRegistry;
  readonly observe: Observer;
  /** Of a pool. */
  readonly connections: number;
}

/** Owners on the way from one region to another: who moves them, and who ends what was interrupted. */
export class Relocations {
  readonly relocation: Relocation;
  readonly #parts: RelocationsParts;
  readonly #resolution: RelocationResolution;

  constructor(parts: RelocationsParts) {
    const { executor, upkeep, registry, observe, connections } = parts;
    this.#parts = parts;
    this.#resolution = new RelocationResolution(executor, (keyspace, rows) =>
      forgetMoved(registry, keyspace, rows),
    );
    const onFailure = (error: unknown) => {
      const message = isMeridianError(error) ? error.message : String(error);
      observe({ type: 'relocation-fault', message });
    };
    // A move holds a connection to each of two shards: moves that held all of them would wait for each other's.
    const concurrency = Math.max(1, connections - 1);
    const crossings = new Bulkhead('relocations', { concurrency, queue: Number.POSITIVE_INFINITY });
    this.relocation = new Relocation(executor, this.#resolution, upkeep, crossings, onFailure);
    // Movers that died are looked for now and then.
    upkeep.add({
      everyMs: sweepMs,
      timeoutMs: sweepTimeoutMs,
      run: (call) => this.#sweep(call),
      onFailure,
    });
  }

  /** Ends every move whose mover died, on all shards. */
  sweep(options: CallOptions = {}): Promise<SweptRelocations> {
    return this.#parts.calls.run('relocations.sweep', undefined, options, (call) =>
      this.#sweep(call),
    );
  }

  async #sweep(call: Call): Promise<SweptRelocations> {
    let finished = 0;
    let reversed = 0;
    const sweeps = this.#shardsIn(call.topology).map(async (shard) => {
      const swept = await this.sweepShard(shard, undefined, call);
      finished += swept.finished;
      reversed += swept.reversed;
    });
    // A shard that is down must not keep the others' owners waiting.
    await Promise.allSettled(sweeps);
    await Promise.all(sweeps);
    return { finished, reversed };
  }

  /** Ends what one shard has on record; with a slot, what somebody has met of it. */
  async sweepShard(shard: Shard, slot: number | undefined, call: Call): Promise<SweptRelocations> {
    const { executor, registry, observe } = this.#parts;
    const sweeper = new RelocationSweeper(executor, this.#resolution, movingGroups(registry));
    const swept =
      slot === undefined
        ? await sweeper.sweep(shard, call)
        : await sweeper.sweepSlot(shard, slot, call);
    if (swept.finished + swept.reversed > 0) {
      observe({ type: 'relocations-resolved', shard: shard.name, ...swept });
    }
    return swept;
  }

  #shardsIn({ keyspaces }: Topology): readonly Shard[] {
    return movingKeyspaces(this.#parts.registry).flatMap(
      (keyspace) => keyspaces.get(keyspace)?.shards ?? [],
    );
  }
}
