import type { CallOptions } from '../execution/call-gate.ts';
import { explainNearest, type ReferenceExplanation } from '../routing/nearest-shards.ts';
import type { ReadOptions } from '../rows/reads/read-path.ts';
import type { ReferenceTable } from '../rows/schema/reference-table.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import { ReferenceReads } from './reference-reads.ts';
import type { ReferenceRuntime } from './reference-runtime.ts';
import type { AllOptions, ReferenceHandle } from './reference-types.ts';
import { ReferenceWrites } from './reference-writes.ts';

type Input = Readonly<Record<string, unknown>>;

/** The handle of one reference table. */
export function referenceAccess(runtime: ReferenceRuntime) {
  const reads = new ReferenceReads(runtime);
  const writes = new ReferenceWrites(runtime);
  const { codec, nearest, table, topology } = runtime;
  return Object.freeze({
    get: (key: ShardKey, options?: ReadOptions) => reads.get(key, options),
    getMany: (keys: readonly ShardKey[], options?: ReadOptions) => reads.getMany(keys, options),
    all: (options: AllOptions = {}) => reads.all(options),
    put: (row: Input, options?: CallOptions) => writes.put(row, options),
    delete: (key: ShardKey, options?: CallOptions) => writes.delete(key, options),
    explain: (key: ShardKey): ReferenceExplanation => {
      // Every key is on every shard; one that can't be a key is refused as everywhere else.
      codec.key(key);
      const { current } = topology;
      const shards = nearest.shards(current);
      return explainNearest(table.name, shards, nearest.region, current, runtime);
    },
  } satisfies ReferenceHandle<ReferenceTable>);
}
