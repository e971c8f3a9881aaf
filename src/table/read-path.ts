import { handOut } from '../cache/memory-store.ts';
import type { CallOptions } from '../execution/calls.ts';
import type { PointRead } from '../execution/read-batcher.ts';
import type { Deadline } from '../resilience/deadline.ts';
import { type Consistency, endpointOrder } from '../routing/endpoint-order.ts';
import type { Route } from '../routing/route.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { RowOf, RowSchema } from './define-table.ts';
import { routePrimaryKey } from './route-row.ts';
import type { RowKey } from './row-codec.ts';
import type { TableRuntime } from './table-runtime.ts';

export interface ReadOptions extends CallOptions {
  /**
   * `primary` reads the primary and `replica` a replica, which may lag; both pass by the cache.
   * Default: the cache, then the primary.
   */
  consistency?: Consistency;
}

interface Wanted {
  readonly key: RowKey;
  readonly route: Route;
}

/** How rows are read by primary key: memory, Redis, then the shards, each asked once. */
export class ReadPath<Schema extends RowSchema> {
  readonly #runtime: TableRuntime<Schema>;
  #turn = 0;

  constructor(runtime: TableRuntime<Schema>) {
    this.#runtime = runtime;
  }

  get(key: ShardKey, options: ReadOptions | undefined): Promise<RowOf<Schema> | null> {
    const { cache, calls } = this.#runtime;
    if (cache === undefined || options?.consistency !== undefined) {
      return calls.run(options, (deadline) => this.read(key, options?.consistency, deadline));
    }
    // The one path that costs less than a microsecond: no deadline, no promise but the answer.
    const entry = typeof key === 'string' ? cache.peek(key) : undefined;
    if (entry !== undefined) return Promise.resolve(handOut(entry));
    return calls.run(options, (deadline) => this.read(key, undefined, deadline));
  }

  /** A row as part of another call; without `consistency` from the cache if there is one. */
  async read(
    key: ShardKey,
    consistency: Consistency | undefined,
    deadline: Deadline,
  ): Promise<RowOf<Schema> | null> {
    const { cache } = this.#runtime;
    const wanted = this.#want(key);
    if (cache === undefined || consistency !== undefined) {
      return this.#readOne(wanted, consistency ?? 'primary', deadline);
    }
    const [row] = await cache.getMany(
      [wanted.key.text],
      async (_, load) => [await this.#readOne(wanted, 'primary', load)],
      deadline,
    );
    return row ?? null;
  }

  async getMany(
    keys: readonly ShardKey[],
    options: ReadOptions | undefined,
  ): Promise<(RowOf<Schema> | null)[]> {
    if (keys.length === 0) return [];
    const { cache, calls } = this.#runtime;
    return calls.run(options, async (deadline) => {
      const wanted = keys.map((key) => this.#want(key));
      if (cache === undefined || options?.consistency !== undefined) {
        const rows = await this.#readMany(wanted, options?.consistency ?? 'primary', deadline);
        return wanted.map(({ key }) => rows.get(key.identity) ?? null);
      }
      const byText = new Map(wanted.map((one) => [one.key.text, one]));
      return cache.getMany(
        wanted.map(({ key }) => key.text),
        async (missing, load) => {
          const lacking = missing.flatMap((text) => byText.get(text) ?? []);
          const rows = await this.#readMany(lacking, 'primary', load);
          return missing.map((text) => rows.get(byText.get(text)?.key.identity ?? '') ?? null);
        },
        deadline,
      );
    });
  }

  #want(value: ShardKey): Wanted {
    const { codec, topology, table } = this.#runtime;
    const key = codec.key(value);
    return { key, route: routePrimaryKey(topology.current, table, value) };
  }

  /** Travels with the other point reads of this tick. */
  async #readOne(
    { key, route }: Wanted,
    consistency: Consistency,
    deadline: Deadline,
  ): Promise<RowOf<Schema> | null> {
    const { batcher, codec } = this.#runtime;
    const read: PointRead = {
      lane: consistency === 'primary' ? route.shard.name : `${route.shard.name}?`,
      endpoints: endpointOrder(route.shard, consistency, this.#turn++),
      shard: route.shard.name,
      key: key.identity,
      param: key.param,
      deadline,
    };
    const raw = await batcher.read(read);
    return raw === null ? null : codec.decode(raw);
  }

  /** One statement a shard, or one for every 256 keys of a shard; all shards at once. */
  async #readMany(
    wanted: readonly Wanted[],
    consistency: Consistency,
    deadline: Deadline,
  ): Promise<Map<string, RowOf<Schema>>> {
    const { executor, statements, codec, keysPerStatement } = this.#runtime;
    const groups = new Map<string, { route: Route; keys: Map<string, RowKey> }>();
    for (const { key, route } of wanted) {
      const group = groups.get(route.shard.name) ?? { route, keys: new Map() };
      groups.set(route.shard.name, group);
      group.keys.set(key.identity, key);
    }
    const rows = new Map<string, RowOf<Schema>>();
    const reads = [...groups.values()].flatMap(({ route, keys }) =>
      inChunks([...keys.values()], keysPerStatement).map(async (chunk) => {
        const endpoints = endpointOrder(route.shard, consistency, this.#turn++);
        const statement = statements.selectByKeys(chunk.map(({ param }) => param));
        const result = await executor.runStatement(endpoints, statement, 'read', deadline);
        for (const raw of result.rows) rows.set(codec.identityOf(raw), codec.decode(raw));
      }),
    );
    // Every part is waited for, so that none goes on behind the caller's back.
    for (const read of await Promise.allSettled(reads)) {
      if (read.status === 'rejected') throw read.reason;
    }
    return rows;
  }
}

function inChunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
