import { handOut } from '../cache/memory/memory-store.ts';
import type { ReadThrough } from '../cache/read-through.ts';
import { turn } from '../commit/turn.ts';
import { ConfigError } from '../errors/config-error.ts';
import { MergeError } from '../errors/scatter-error.ts';
import type { Call } from '../execution/call.ts';
import { inChunks } from '../execution/in-chunks.ts';
import type { LoadGates } from '../execution/load-gates.ts';
import type { MemoryReads } from '../observability/memory-reads.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Consistency } from '../routing/endpoint-order.ts';
import { nearestEndpoints } from '../routing/nearest-shards.ts';
import { checkCurrency, isAsEver, type ReadOptions } from '../rows/reads/read-path.ts';
import type { RowKey } from '../rows/row-codec.ts';
import type { RowOf, RowSchema } from '../rows/schema/row-schema.ts';
import { mustSee } from '../rows/sessions/seen-writes.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { Topology } from '../topology/topology.ts';
import type { ReferenceRuntime } from './reference-runtime.ts';
import type { AllOptions } from './reference-types.ts';

const defaultMaxRows = 100_000;

/** Of many keys so many are read at a time. */
const keysAtOnce = 4_096;

/** How a reference table is read: memory, Redis, then the nearest shard that answers. */
export class ReferenceReads<Schema extends RowSchema> {
  readonly #runtime: ReferenceRuntime<Schema>;
  /** Rows that may be handed out as memory has them: none in a session. */
  readonly #memory: ReadThrough<RowOf<Schema>> | undefined;
  #memoryGets: MemoryReads | undefined;
  #turn: number;

  constructor(runtime: ReferenceRuntime<Schema>) {
    this.#runtime = runtime;
    this.#memory = runtime.seen.inSession ? undefined : runtime.cache;
    this.#turn = runtime.seen.inSession ? Math.floor(Math.random() * 1_000) : 0;
  }

  async get(key: ShardKey, options: ReadOptions | undefined): Promise<RowOf<Schema> | null> {
    // What memory holds needs no deadline and no promise but the answer.
    if (isAsEver(options) && this.#memory !== undefined && typeof key === 'string') {
      const entry = this.#memory.hit(key);
      if (entry !== undefined) {
        const { calls, table } = this.#runtime;
        this.#memoryGets ??= calls.memoryReads('get', table.name);
        this.#memoryGets.add();
        return handOut(entry);
      }
    }
    const [row] = await this.#call('get', [key], options);
    return row ?? null;
  }

  getMany(
    keys: readonly ShardKey[],
    options: ReadOptions | undefined,
  ): Promise<(RowOf<Schema> | null)[]> {
    return this.#call('getMany', keys, options);
  }

  #call(
    operation: 'get' | 'getMany',
    keys: readonly ShardKey[],
    options: ReadOptions | undefined,
  ): Promise<(RowOf<Schema> | null)[]> {
    const { calls, table } = this.#runtime;
    return calls.run(operation, table.name, options, async (call) => {
      checkCurrency(options);
      const rows: (RowOf<Schema> | null)[] = [];
      for (const some of inChunks(keys, keysAtOnce)) {
        if (rows.length > 0) await turn(call);
        rows.push(...(await this.#readMany(some, options, call)));
      }
      return rows;
    });
  }

  async #readMany(
    keys: readonly ShardKey[],
    options: ReadOptions | undefined,
    call: Call,
  ): Promise<(RowOf<Schema> | null)[]> {
    const { cache, codec } = this.#runtime;
    const wanted = keys.map((key) => codec.key(key));
    const { maxAgeMs } = options ?? {};
    const { topology } = call;
    const consistency = this.#consistencyOf(options, topology);
    if (cache === undefined || consistency !== undefined) {
      return this.#read(wanted, topology, consistency ?? 'primary', undefined, call);
    }
    const byText = new Map(wanted.map((key) => [key.text, key]));
    return cache.getMany(
      wanted.map(({ text }) => text),
      async (missing, filling) => {
        const lacking = missing.flatMap((text) => byText.get(text) ?? []);
        const { gates } = this.#runtime;
        const rows = await this.#read(lacking, topology, 'primary', gates, filling.deadline);
        // A shard that has left since may have missed a write.
        if (topology !== this.#runtime.topology.current)
          for (const text of missing) filling.keepOut(text);
        return rows;
      },
      { deadline: call, maxAgeMs },
    );
  }

  all({ limit, maxRows = defaultMaxRows, ...options }: AllOptions): Promise<RowOf<Schema>[]> {
    const { calls, executor, broadcast, codec, table } = this.#runtime;
    return calls.run('all', table.name, options, async (call) => {
      assertCounts({ limit, maxRows });
      const statement = broadcast.firstRows(Math.min(limit ?? maxRows + 1, maxRows + 1));
      const consistency = this.#consistencyOf(options, call.topology) ?? 'primary';
      const endpoints = this.#endpoints(call.topology, consistency);
      const { rows } = await executor.runStatement(endpoints, statement, 'read', call);
      if (rows.length > maxRows) {
        throw new MergeError(
          `Reference table '${table.name}' has more than ${maxRows} rows; give all() a limit or a higher maxRows. ` +
            'Is it small enough to be on every shard?',
        );
      }
      return rows.map((raw) => codec.decode(raw));
    });
  }

  /** The reads of a tick travel together. The rows in the order of `keys`. */
  async #read(
    keys: readonly RowKey[],
    topology: Topology,
    consistency: Consistency,
    gates: LoadGates | undefined,
    deadline: Deadline,
  ): Promise<(RowOf<Schema> | null)[]> {
    const { batcher, codec, nearest } = this.#runtime;
    const endpoints = this.#endpoints(topology, consistency);
    const shard = nearest.shards(topology)[0];
    if (shard === undefined) throw new TypeError('a topology has at least one shard');
    const reads = await Promise.allSettled(
      keys.map((key) =>
        batcher.read(key, {
          lane: gates === undefined ? consistency : 'fill',
          endpoints,
          shard,
          gate: gates?.of(shard.name),
          deadline,
        }),
      ),
    );
    // Every part was waited for, so that none goes on behind the caller's back.
    return reads.map((read) => {
      if (read.status === 'rejected') throw read.reason;
      return read.value === null ? null : codec.decode(read.value);
    });
  }

  /** A write of a reference table is on every shard, so the one that is read tells of it. */
  #consistencyOf(
    { consistency, token }: ReadOptions = {},
    topology: Topology,
  ): Consistency | undefined {
    const { nearest, seen } = this.#runtime;
    const read = nearest.shards(topology).slice(0, 1);
    const isWritten = mustSee(seen, token).concernsAny(topology, read);
    return isWritten ? 'primary' : consistency;
  }

  #endpoints(topology: Topology, consistency: Consistency) {
    const { nearest } = this.#runtime;
    const shards = nearest.shards(topology);
    return nearestEndpoints(shards, consistency, this.#turn++, nearest.region);
  }
}

/** A limit that is no count would be ignored, or leave rows out, without a word. */
function assertCounts(counts: Readonly<Record<string, number | undefined>>): void {
  const problems = Object.entries(counts).flatMap(([path, value]) =>
    value === undefined || (Number.isSafeInteger(value) && value >= 0)
      ? []
      : [{ path, message: 'must be a whole number, 0 or more' }],
  );
  if (problems.length > 0) throw new ConfigError('Bad call options', problems);
}
