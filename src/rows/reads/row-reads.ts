import { allEnded } from '../../execution/all-ended.ts';
import type { PointRead } from '../../execution/batches/read-batcher.ts';
import type { Deadline } from '../../resilience/time/deadline.ts';
import { type Consistency, endpointOrder } from '../../routing/endpoint-order.ts';
import type { Route } from '../../routing/route.ts';
import type { Shard } from '../../topology/topology.ts';
import { forwardable } from '../forwardable.ts';
import type { RowKey } from '../row-codec.ts';
import type { RowOf, RowSchema } from '../schema/define-table.ts';
import type { RowsRuntime } from '../table-runtime.ts';

export interface Wanted {
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

/**
 * By whom a row is read, and what for: `fill` is a read of the primary that fills the cache, in the
 * room that such reads have; `lagging-fill` one for which a replica will do, if it has the row.
 */
export type ReadAs = Consistency | 'fill' | 'lagging-fill';

/** How rows are read from the shards, each asked once. */
export class RowReads<Schema extends RowSchema> {
  readonly #runtime: RowsRuntime<Schema>;
  #turn: number;

  constructor(runtime: RowsRuntime<Schema>) {
    this.#runtime = runtime;
    // Sessions are many and short: their first turn must not always be the first replica's.
    this.#turn = runtime.seen.inSession ? Math.floor(Math.random() * 1_000) : 0;
  }

  /** The row where it is, or was forwarded to. */
  one(wanted: Wanted, as: ReadAs, deadline: Deadline): Promise<Found<Schema>> {
    const { forwarding } = this.#runtime;
    if (!forwarding.mayMove) return this.#readAt(wanted, as, deadline);
    const { key, home } = wanted;
    return forwarding.follow(
      forwardable(this.#runtime, key),
      home,
      deadline,
      // A replica of where it went may not have heard of it yet.
      (route) => this.#readAt({ key, home, route }, route === home ? as : current(as), deadline),
      ({ row }) => row === null,
    );
  }

  /** Travels with the other point reads of this tick. */
  async #readAt(
    { key, home, route }: Wanted,
    as: ReadAs,
    deadline: Deadline,
  ): Promise<Found<Schema>> {
    const { batcher, codec } = this.#runtime;
    const raw = await batcher.read(key, this.#pointRead(route.shard, as, deadline));
    if (raw !== null) return { row: codec.decode(raw), route };
    // A replica may not have heard of it yet.
    return as === 'lagging-fill'
      ? this.#readAt({ key, home, route }, 'fill', deadline)
      : { row: null, route };
  }

  /** The rows where they are, or were forwarded to. */
  async many(
    wanted: readonly Wanted[],
    as: ReadAs,
    deadline: Deadline,
  ): Promise<Map<string, Found<Schema>>> {
    const { forwarding } = this.#runtime;
    const found = await this.#readShards(wanted, as, deadline);
    if (as === 'lagging-fill') {
      // A replica may not have heard of them yet.
      const absent = wanted.filter(({ key }) => found.get(key.identity)?.row === null);
      if (absent.length === 0) return found;
      return new Map([...found, ...(await this.many(absent, 'fill', deadline))]);
    }
    let asked = wanted;
    const lost: Wanted[] = [];
    const been = new Set<string>();
    for (;;) {
      const missing = asked
        .filter(({ key }) => found.get(key.identity)?.row === null)
        .map((one) => ({ ...one, row: forwardable(this.#runtime, one.key) }));
      const nexts = await forwarding.nextMany(missing, deadline);
      asked = missing.flatMap((one) => {
        // Without a redirect at the end of a stale hint it is at home, if anywhere.
        const route = nexts.get(one.row) ?? one.home;
        if (route === one.route) return [];
        been.add(`${one.key.identity} ${one.route.locator}`);
        // An owner who comes back moves about, or a hint leads in a circle: the row is followed by itself.
        if (!been.has(`${one.key.identity} ${route.locator}`)) return [{ ...one, route }];
        lost.push(one);
        return [];
      });
      if (asked.length === 0) break;
      const more = await this.#readShards(asked, current(as), deadline);
      for (const [identity, answer] of more) found.set(identity, answer);
    }
    await allEnded(
      lost.map(async (one) => {
        found.set(one.key.identity, await this.one(one, current(as), deadline));
      }),
    );
    return found;
  }

  /** At least one statement a shard, all of them at once; keys of other calls travel along. */
  async #readShards(
    wanted: readonly Wanted[],
    as: ReadAs,
    deadline: Deadline,
  ): Promise<Map<string, Found<Schema>>> {
    const { batcher, codec } = this.#runtime;
    const found = new Map<string, Found<Schema>>();
    const groups = new Map<Shard, Map<string, Wanted>>();
    for (const one of wanted) {
      const { key, route } = one;
      const group = groups.get(route.shard) ?? new Map<string, Wanted>();
      groups.set(route.shard, group.set(key.identity, one));
      found.set(key.identity, { row: null, route });
    }
    const reads = [...groups].flatMap(([shard, group]) => {
      const keys = [...group.values()].map(({ key }) => key);
      const chunks = batcher.readMany(keys, this.#pointRead(shard, as, deadline));
      return chunks.map(async ({ keys: own, rows }) => {
        const raws = await rows;
        for (const { identity } of own) {
          const raw = raws.get(identity);
          const route = group.get(identity)?.route;
          if (raw !== undefined && route !== undefined)
            found.set(identity, { row: codec.decode(raw), route });
        }
      });
    });
    await allEnded(reads);
    return found;
  }

  #pointRead(shard: Shard, as: ReadAs, deadline: Deadline): PointRead {
    return {
      lane: as,
      endpoints: endpointOrder(shard, consistencyOf(as), this.#turn++, this.#runtime.region),
      shard,
      gate: this.#gateOf(shard, as),
      deadline,
    };
  }

  #gateOf({ name }: Shard, as: ReadAs) {
    return as === 'fill' || as === 'lagging-fill' ? this.#runtime.gates.of(name) : undefined;
  }
}

function consistencyOf(as: ReadAs): Consistency {
  if (as === 'fill') return 'primary';
  return as === 'lagging-fill' ? 'replica' : as;
}

/** The same read, of the primary. */
function current(as: ReadAs): ReadAs {
  return as === 'fill' || as === 'lagging-fill' ? 'fill' : 'primary';
}
