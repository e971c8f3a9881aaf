import type { CallOptions } from '../execution/calls.ts';
import type { Observer } from '../observability/events.ts';
import { type Explanation, explainRoute } from '../routing/explain.ts';
import { routeKey } from '../routing/router.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import { EverywhereAccess } from './everywhere-access.ts';
import { type ReadOptions, ReadPath } from './read-path.ts';
import { ShardAccess } from './shard-access.ts';
import type { TableRegistry } from './table-registry.ts';
import type { TableRuntime } from './table-runtime.ts';
import { WritePath } from './write-path.ts';

type Input = Readonly<Record<string, unknown>>;

/** What stands behind a `TableHandle`: hands each call to the path that serves it. */
export class TableAccess {
  readonly everywhere: EverywhereAccess;
  readonly #runtime: TableRuntime;
  readonly #registry: TableRegistry;
  readonly #reads: ReadPath<TableRuntime['table']['schema']>;
  readonly #writes: WritePath<TableRuntime['table']['schema']>;

  constructor(runtime: TableRuntime, registry: TableRegistry, observe: Observer) {
    this.#runtime = runtime;
    this.#registry = registry;
    this.#reads = new ReadPath(runtime);
    this.#writes = new WritePath(runtime);
    this.everywhere = new EverywhereAccess(runtime, observe);
  }

  get(key: ShardKey, options?: ReadOptions) {
    return this.#reads.get(key, options);
  }

  getMany(keys: readonly ShardKey[], options?: ReadOptions) {
    return this.#reads.getMany(keys, options);
  }

  insert(row: Input, options?: CallOptions) {
    return this.#writes.insert(row, options);
  }

  insertMany(rows: readonly Input[], options?: CallOptions) {
    return this.#writes.insertMany(rows, options);
  }

  update(key: ShardKey, patch: Input, options?: CallOptions) {
    return this.#writes.update(key, patch, options);
  }

  delete(key: ShardKey, options?: CallOptions) {
    return this.#writes.delete(key, options);
  }

  at(key: ShardKey): ShardAccess {
    const { topology, table } = this.#runtime;
    const route = routeKey(topology.current, table.keyspace, key);
    return new ShardAccess(this.#runtime, this.#registry, route);
  }

  explain(key: ShardKey): Explanation {
    const { topology, table } = this.#runtime;
    return explainRoute(table.name, routeKey(topology.current, table.keyspace, key));
  }
}
