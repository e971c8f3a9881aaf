import { isMeridianError } from '../errors/meridian-error.ts';
import type { CallGate, CallOptions } from '../execution/call-gate.ts';
import type { Executor } from '../execution/executor.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import type { Forwarding } from '../forwarding/forwarding.ts';
import type { Observer } from '../observability/events.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { TableRegistry } from '../rows/table-registry.ts';
import type { Shard } from '../topology/topology.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import { MoveResolution } from './move-resolution.ts';
import { MoveSweeper, type SweptMoves } from './move-sweeper.ts';
import { forgetMoved, movingGroups, movingKeyspaces } from './moving-tables.ts';
import { Relocation } from './relocation.ts';

const sweepMs = 30_000;
const sweepTimeoutMs = 20_000;

interface MovesParts {
  readonly topology: TopologyStore;
  readonly executor: Executor;
  readonly upkeep: Upkeep;
  readonly calls: CallGate;
  readonly registry: TableRegistry;
  readonly forwarding: Forwarding;
  readonly observe: Observer;
}

/** Owners on the way from one region to another: who moves them, and who ends what was interrupted. */
export class Moves {
  readonly relocation: Relocation;
  readonly #parts: MovesParts;
  readonly #resolution: MoveResolution;

  constructor(parts: MovesParts) {
    const { topology, executor, upkeep, registry } = parts;
    this.#parts = parts;
    this.#resolution = new MoveResolution(topology, executor, (keyspace, rows) =>
      forgetMoved(registry, keyspace, rows),
    );
    this.relocation = new Relocation(executor, this.#resolution);
    // Movers that died are looked for now and then.
    upkeep.add({
      everyMs: sweepMs,
      timeoutMs: sweepTimeoutMs,
      run: (deadline) => this.#sweep(deadline),
      onFailure(error) {
        // A shard that is down is reported where it is missed; the next sweep tries again.
        if (!isMeridianError(error)) throw error;
      },
    });
    parts.forwarding.resolveWith((shard, slot, deadline) =>
      this.#sweepShard(shard, slot, deadline),
    );
  }

  /** Ends every move whose mover died, on all shards. */
  sweep(options: CallOptions = {}): Promise<SweptMoves> {
    return this.#parts.calls.run('relocations.sweep', undefined, options, (deadline) =>
      this.#sweep(deadline),
    );
  }

  async #sweep(deadline: Deadline): Promise<SweptMoves> {
    let finished = 0;
    let reversed = 0;
    const sweeps = this.#shards().map(async (shard) => {
      const swept = await this.#sweepShard(shard, undefined, deadline);
      finished += swept.finished;
      reversed += swept.reversed;
    });
    // A shard that is down must not keep the others' owners waiting.
    await Promise.allSettled(sweeps);
    await Promise.all(sweeps);
    return { finished, reversed };
  }

  async #sweepShard(
    shard: Shard,
    slot: number | undefined,
    deadline: Deadline,
  ): Promise<SweptMoves> {
    const { topology, executor, registry, observe } = this.#parts;
    const sweeper = new MoveSweeper(topology, executor, this.#resolution, movingGroups(registry));
    const swept =
      slot === undefined
        ? await sweeper.sweep(shard, deadline)
        : await sweeper.sweepSlot(shard, slot, deadline);
    if (swept.finished + swept.reversed > 0) {
      observe({ type: 'moves-settled', shard: shard.name, ...swept });
    }
    return swept;
  }

  #shards(): readonly Shard[] {
    const { topology, registry } = this.#parts;
    return movingKeyspaces(registry).flatMap(
      (keyspace) => topology.current.keyspaces.get(keyspace)?.shards ?? [],
    );
  }
}
