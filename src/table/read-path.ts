import { handOut } from '../cache/memory-store.ts';
import type { ReadThrough } from '../cache/read-through.ts';
import type { CallOptions } from '../execution/calls.ts';
import type { PointRead } from '../execution/read-batcher.ts';
import type { Deadline } from '../resilience/deadline.ts';
import { type Consistency, endpointOrder } from '../routing/endpoint-order.ts';
import type { Route } from '../routing/route.ts';
import { mayHold } from '../sharding/residency.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { Shard } from '../topology/topology.ts';
import type { RowOf, RowSchema } from './define-table.ts';
import { forwardable } from './forwardable.ts';
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

/** How often rows are sent on together. */
const hopsTogether = 3;

interface Wanted {
  readonly key: RowKey;
  /** Where its id says that it is. */
  readonly home: Route;
  /** Where it is looked for first. */
  readonly route: Route;
}

/** A row, or its absence, and where that was found: the law of that region decides who may keep it. */
export interface Found<Schema extends RowSchema> {
  readonly row: RowOf<Schema> | null;
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
      return (await this.#readOne(wanted, consistency ?? 'primary', deadline)).row;
    }
    if (!this.#mayKeep(wanted.route.shard)) {
      cache.passBy(1);
      return (await this.#readOne(wanted, 'primary', deadline)).row;
    }
    const [row] = await cache.getMany(
      [wanted.key.text],
      async (_, load, keepOut) => {
        const found = await this.#readOne(wanted, 'primary', load);
        if (!this.#mayKeep(found.route.shard)) keepOut(wanted.key.text);
        return [found.row];
      },
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
        const found = await this.#readMany(wanted, options?.consistency ?? 'primary', deadline);
        return wanted.map(({ key }) => found.get(key.identity)?.row ?? null);
      }
      const isKeepable = ({ route }: Wanted) => this.#mayKeep(route.shard);
      if (wanted.every(isKeepable)) return this.#throughCache(cache, wanted, deadline);
      const keepable = wanted.filter(isKeepable);
      const others = wanted.filter((one) => !isKeepable(one));
      cache.passBy(others.length);
      const [kept, found] = await allEnded([
        this.#throughCache(cache, keepable, deadline),
        this.#readMany(others, 'primary', deadline),
      ]);
      const rows = new Map(keepable.map(({ key }, index) => [key.identity, kept[index] ?? null]));
      return wanted.map(
        ({ key }) => rows.get(key.identity) ?? found.get(key.identity)?.row ?? null,
      );
    });
  }

  /** A row as the database has it, and where. */
  async locate(key: ShardKey, deadline: Deadline): Promise<Found<Schema>> {
    return this.#readOne(this.#want(key), 'primary', deadline);
  }

  /** The rows of keys, in their order. What is found where it may not be kept is handed out only. */
  #throughCache(
    cache: ReadThrough<RowOf<Schema>>,
    wanted: readonly Wanted[],
    deadline: Deadline,
  ): Promise<(RowOf<Schema> | null)[]> {
    const byText = new Map(wanted.map((one) => [one.key.text, one]));
    return cache.getMany(
      wanted.map(({ key }) => key.text),
      async (missing, load, keepOut) => {
        const lacking = missing.flatMap((text) => byText.get(text) ?? []);
        const found = await this.#readMany(lacking, 'primary', load);
        return missing.map((text) => {
          const answer = found.get(byText.get(text)?.key.identity ?? '');
          if (answer !== undefined && !this.#mayKeep(answer.route.shard)) keepOut(text);
          return answer?.row ?? null;
        });
      },
      deadline,
    );
  }

  /** Whether this process and its Redis may keep what was found on a shard. */
  #mayKeep({ region }: Shard): boolean {
    return mayHold(this.#runtime.region, region);
  }

  #want(value: ShardKey): Wanted {
    const { codec, topology, table, forwarding } = this.#runtime;
    const key = codec.key(value);
    const home = routePrimaryKey(topology.current, table, value);
    const route = forwarding?.start(forwardable(table, key), home) ?? home;
    return { key, home, route };
  }

  /** The row where it is, or was forwarded to. */
  #readOne(wanted: Wanted, consistency: Consistency, deadline: Deadline): Promise<Found<Schema>> {
    const { table, forwarding } = this.#runtime;
    if (forwarding === undefined) return this.#readAt(wanted, consistency, deadline);
    const { key, home } = wanted;
    return forwarding.follow(
      forwardable(table, key),
      home,
      deadline,
      // A replica of where it went may not have heard of it yet.
      (route) =>
        this.#readAt({ key, home, route }, route === home ? consistency : 'primary', deadline),
      ({ row }) => row === null,
    );
  }

  /** Travels with the other point reads of this tick. */
  async #readAt(
    { key, route }: Wanted,
    consistency: Consistency,
    deadline: Deadline,
  ): Promise<Found<Schema>> {
    const { batcher, codec, region } = this.#runtime;
    const read: PointRead = {
      lane: consistency === 'primary' ? route.shard.name : `${route.shard.name}?`,
      endpoints: endpointOrder(route.shard, consistency, this.#turn++, region),
      shard: route.shard.name,
      key: key.identity,
      param: key.param,
      deadline,
    };
    const raw = await batcher.read(read);
    return { row: raw === null ? null : codec.decode(raw), route };
  }

  /** The rows where they are, or were forwarded to. */
  async #readMany(
    wanted: readonly Wanted[],
    consistency: Consistency,
    deadline: Deadline,
  ): Promise<Map<string, Found<Schema>>> {
    const { forwarding, table } = this.#runtime;
    const found = await this.#readShards(wanted, consistency, deadline);
    if (forwarding === undefined) return found;
    let asked = wanted;
    for (let hop = 0; hop < hopsTogether; hop++) {
      const missing = asked
        .filter(({ key }) => found.get(key.identity)?.row === null)
        .map((one) => ({ ...one, row: forwardable(table, one.key) }));
      const nexts = await forwarding.nextMany(missing, deadline);
      asked = missing.flatMap((one) => {
        // Without a mark at the end of a stale hint it is at home, if anywhere.
        const route = nexts.get(one.row) ?? one.home;
        return route === one.route ? [] : [{ ...one, route }];
      });
      if (asked.length === 0) return found;
      const more = await this.#readShards(asked, 'primary', deadline);
      for (const [identity, answer] of more) found.set(identity, answer);
    }
    // Their owners move about, or in a circle: each of them by itself.
    const lost = asked.filter(({ key }) => found.get(key.identity)?.row === null);
    await allEnded(
      lost.map(async (one) => {
        found.set(one.key.identity, await this.#readOne(one, 'primary', deadline));
      }),
    );
    return found;
  }

  /** One statement a shard, or one for every 256 keys of a shard; all shards at once. */
  async #readShards(
    wanted: readonly Wanted[],
    consistency: Consistency,
    deadline: Deadline,
  ): Promise<Map<string, Found<Schema>>> {
    const { executor, statements, codec, keysPerStatement, region } = this.#runtime;
    const found = new Map<string, Found<Schema>>();
    const groups = new Map<string, { shard: Shard; keys: Map<string, RowKey> }>();
    const routes = new Map<string, Route>();
    for (const { key, route } of wanted) {
      const { shard } = route;
      const group = groups.get(shard.name) ?? { shard, keys: new Map() };
      groups.set(shard.name, group);
      group.keys.set(key.identity, key);
      routes.set(key.identity, route);
      found.set(key.identity, { row: null, route });
    }
    const reads = [...groups.values()].flatMap(({ shard, keys }) =>
      inChunks([...keys.values()], keysPerStatement).map(async (chunk) => {
        const endpoints = endpointOrder(shard, consistency, this.#turn++, region);
        const statement = statements.selectByKeys(chunk.map(({ param }) => param));
        const result = await executor.runStatement(endpoints, statement, 'read', deadline);
        for (const raw of result.rows) {
          const identity = codec.identityOf(raw);
          const route = routes.get(identity);
          if (route !== undefined) found.set(identity, { row: codec.decode(raw), route });
        }
      }),
    );
    await allEnded(reads);
    return found;
  }
}

/** Every part is waited for, so that none goes on behind the caller's back. */
async function allEnded<const T extends readonly Promise<unknown>[]>(parts: T) {
  await Promise.allSettled(parts);
  return Promise.all(parts);
}

function inChunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
