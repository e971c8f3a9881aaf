import { RelocationError } from '../errors/relocation-error.ts';
import { ResidencyError } from '../errors/residency-error.ts';
import { RoutingError } from '../errors/routing-error.ts';
import type { CallOptions } from '../execution/call-gate.ts';
import type { Observer } from '../observability/events.ts';
import type { Route } from '../routing/route.ts';
import { regionFor, routeForwarded } from '../routing/router.ts';
import type { ReadPath } from '../rows/reads/read-path.ts';
import { assertKeysStay, routePrimaryKey } from '../rows/route-row.ts';
import type { RowOf, RowSchema } from '../rows/schema/define-table.ts';
import { placeColumns } from '../rows/schema/place-columns.ts';
import type { TableRuntime } from '../rows/table-runtime.ts';
import { type Effects, withEffects } from '../rows/writes/effects.ts';
import { geoLocator, splitGeoLocator } from '../sharding/places/geo-strategy.ts';
import { locatePlace } from '../sharding/places/locate-place.ts';
import type { Place } from '../sharding/places/place.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { GeoKeyspace, GeoRegion, Topology } from '../topology/topology.ts';
import type { Group } from './moving-group.ts';
import type { Relocation } from './relocation.ts';
import { unknownOwner } from './relocation-refusals.ts';

const defaultPauseMs = 1_500;

/**
 * What changes with the move, and how long writers of the owner may wait for it.
 *
 * @example
 * await data.users.relocate(id, { country: 'US' }, { set: { country: 'US' }, pauseMs: 500 });
 */
export interface RelocateOptions<Patch = Readonly<Record<string, unknown>>> extends CallOptions {
  /**
   * Columns of the owner's row that change with its place. Columns that `place()` hands on as they
   * are, `country` say, follow the new place by themselves. Keys and lookups can't be among them.
   */
  readonly set?: Patch;
  /**
   * Milliseconds for which writers of this owner may have to wait; past it the move is given up and
   * nothing has changed. Default 1,500.
   */
  readonly pauseMs?: number;
}

/**
 * What a relocation did.
 *
 * @example
 * const { from, to, rows }: RelocationResult = await data.users.relocate(id, { country: 'US' });
 */
export interface RelocationResult {
  /** Regions. */
  readonly from: string;
  readonly to: string;
  /** Rows that were moved, in all tables of the group. */
  readonly rows: number;
  /** Milliseconds for which writers of this owner had to wait. */
  readonly pausedMs: number;
  /** `pending`: a cache has not confirmed that it forgot the rows. It is told again. */
  readonly invalidation: 'done' | 'pending';
}

/** Moves owners of one table, with their groups. */
export class RelocateOwner {
  readonly #runtime: TableRuntime;
  readonly #reads: ReadPath<RowSchema>;
  readonly #relocation: Relocation;
  readonly #group: () => Group;
  readonly #observe: Observer;

  constructor(
    runtime: TableRuntime,
    reads: ReadPath<RowSchema>,
    relocation: Relocation,
    group: () => Group,
    observe: Observer,
  ) {
    this.#runtime = runtime;
    this.#reads = reads;
    this.#relocation = relocation;
    this.#group = group;
    this.#observe = observe;
  }

  relocate(key: ShardKey, place: Place, options: RelocateOptions = {}): Promise<RelocationResult> {
    const { calls, table, codec, seen } = this.#runtime;
    return calls.run('relocate', table.name, options, async (call) => {
      const startedAt = performance.now();
      const { topology } = call;
      const keyspace = this.#keyspaceIn(topology);
      const { row, route: from } = await this.#reads.locate(key, call);
      if (row === null) throw unknownOwner(table.name);
      const patch = { ...placeColumns(table, row, place), ...options.set };
      this.#assertCarriesAlong(patch);
      const to = this.#destination(keyspace, { ...row, ...patch }, place, from);
      const { columns, values } =
        Object.keys(patch).length > 0 ? codec.encodePatch(patch) : { columns: [], values: [] };
      const owner = codec.key(key).text;
      const home = routePrimaryKey(topology, table, key).shard.name;
      const effects: Effects = {
        shard: to.shard.name,
        homes: [home, from.shard.name],
        hasWritten: () => true,
        // Part of the relocation: whoever ends it makes the caches forget.
        forget: async () => 'done',
      };
      const moving = this.#relocation.relocate(
        {
          group: this.#group(),
          owner,
          from,
          to,
          patch: new Map(columns.map((column, index) => [column, values[index] ?? null])),
          pauseMs: options.pauseMs ?? defaultPauseMs,
        },
        call,
      );
      const attempt = moving.then((moved) => ({ moved, gtid: undefined }));
      const { moved } = (await withEffects(seen, effects, attempt, call)).written;
      const regions = { from: from.shard.region.name, to: to.shard.region.name };
      const { rows, pausedMs } = moved;
      const durationMs = performance.now() - startedAt;
      this.#observe({
        type: 'relocation',
        table: table.name,
        ...regions,
        rows,
        pausedMs,
        durationMs,
      });
      return { ...regions, ...moved };
    });
  }

  /** A move copies rows: nobody reserves new values for them, and their keys name them on the way. */
  #assertCarriesAlong(patch: Readonly<Record<string, unknown>>): void {
    const { table, index } = this.#runtime;
    assertKeysStay(table, patch);
    const column = index.columns.find((name) => Object.hasOwn(patch, name));
    if (column === undefined) return;
    throw new RoutingError(
      `'${column}' is unique over all shards, so it can't change while its row moves. Change it by update().`,
      { table: table.name, lookup: column },
    );
  }

  #keyspaceIn({ keyspaces }: Topology): GeoKeyspace {
    const { table } = this.#runtime;
    if (table.group !== undefined) {
      throw new RoutingError(
        `Rows of '${table.name}' move with their owner: relocate the row of '${table.group.name}'.`,
        { table: table.name },
      );
    }
    const keyspace = keyspaces.get(table.keyspace);
    if (keyspace?.strategy === 'geo') return keyspace;
    throw new RoutingError(
      `Keyspace '${table.keyspace}' places rows by hash, so its rows have no place to move to.`,
      { table: table.name },
    );
  }

  /** The slot in the region of the new place; the same one of its region that it had in the old. */
  #destination(keyspace: GeoKeyspace, row: RowOf<RowSchema>, place: Place, from: Route): Route {
    const { table, audited, locateIp } = this.#runtime;
    const { topology } = from;
    const region = audited('relocate', () => {
      // What the row itself says counts too: a strict country is not left by naming a region.
      const whole = locatePlace({ ...table.place?.(row), ...place }, locateIp);
      const named = regionFor(topology, table.keyspace, whole);
      this.#assertConsistent(row, named, topology);
      return named;
    });
    const here = from.shard.region.name;
    if (region.name === here) {
      throw new RelocationError('same-region', `The owner is in region '${here}' already.`, {
        context: { table: table.name, region: here },
      });
    }
    const { slot } = splitGeoLocator(from.locator);
    return routeForwarded(topology, keyspace.name, geoLocator(region.code, slot));
  }

  /** Afterwards the row must not say of itself that it belongs to a strict region elsewhere. */
  #assertConsistent(row: RowOf<RowSchema>, to: GeoRegion, topology: Topology): void {
    const { table, locateIp } = this.#runtime;
    if (table.place === undefined) return;
    const own = regionFor(topology, table.keyspace, locatePlace(table.place(row), locateIp));
    if (own.name === to.name || own.residency === 'open') return;
    throw new ResidencyError(
      `The row would be in region '${to.name}', but its own columns place it in '${own.name}', which is strict. ` +
        'Give the columns that place it in { set }.',
      { strictRegions: [own.name], region: to.name },
      { table: table.name },
    );
  }
}
