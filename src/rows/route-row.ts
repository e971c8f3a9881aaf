import { ResidencyError } from '../errors/residency-error.ts';
import { RoutingError } from '../errors/routing-error.ts';
import type { Route } from '../routing/route.ts';
import { regionFor, routeAnySlot, routeId, routeKey, routePlace } from '../routing/router.ts';
import { newId } from '../sharding/ids/id.ts';
import { type IpLocator, locatePlace } from '../sharding/places/locate-place.ts';
import { isShardKey, type ShardKey } from '../sharding/shard-key.ts';
import type { Topology } from '../topology/topology.ts';
import type { RowOf, RowSchema, Table } from './schema/define-table.ts';
import { probePlace } from './schema/probe-place.ts';

/** What the placing of a table's rows depends on. */
export interface Placing<Schema extends RowSchema = RowSchema> {
  readonly topology: Topology;
  readonly table: Table<string, string, Schema>;
  readonly locateIp: IpLocator | undefined;
}

/** Where the row with this primary key lives. @throws {RoutingError} when the key can't tell. */
export function routePrimaryKey(topology: Topology, table: Table, key: ShardKey): Route {
  // A row that is not its own owner lives in its owner's slot, which only its id names.
  return table.shardKey === table.primaryKey
    ? routeKey(topology, table.keyspace, key)
    : routeId(topology, table.keyspace, key);
}

/**
 * Where a new row goes, and its id: its own if it brings one, else a new one that carries the slot.
 * `named` is the place that the id names: of a row whose owner has moved perhaps another one. `chance`,
 * from 0 up to 1, gives the slot where any would do.
 *
 * @throws {RoutingError} when the row's id names another slot than its shard key or place;
 * {@link ResidencyError} when it would so leave its strict region.
 */
export function routeNewRow<Schema extends RowSchema>(
  { topology, table, locateIp }: Placing<Schema>,
  row: RowOf<Schema>,
  ownId: ShardKey | undefined,
  within: Route | undefined,
  chance: number,
): { readonly route: Route; readonly named: Route; readonly id: ShardKey } {
  const keyspace = topology.keyspaces.get(table.keyspace);
  const make = (route: Route) => ({
    route,
    named: route,
    id: newId(keyspace?.code ?? 0, route.locator),
  });
  if (table.place !== undefined) {
    const place = locatePlace(table.place(row), locateIp);
    if (ownId === undefined) {
      const placed = routePlace(topology, table.keyspace, place, chance);
      return make(within?.shard.region.name === placed.shard.region.name ? within : placed);
    }
    const route = routeId(topology, table.keyspace, ownId);
    const region = regionFor(topology, table.keyspace, place);
    const { region: named } = route.shard;
    if (region.name === named.name) return { route, named: route, id: ownId };
    const cure = 'Leave the id out and insert makes one.';
    if (region.residency === 'strict') {
      throw new ResidencyError(
        `The row must stay in region '${region.name}', but its id names '${named.name}'. ${cure}`,
        { strictRegions: [region.name], region: named.name },
        { table: table.name },
      );
    }
    throw new RoutingError(
      `The row's id names region '${named.name}', its place region '${region.name}'. ${cure}`,
      { table: table.name },
    );
  }
  if (table.shardKey === table.primaryKey) {
    if (ownId !== undefined) {
      const route = routeKey(topology, table.keyspace, ownId);
      return { route, named: route, id: ownId };
    }
    if (table.group !== undefined) {
      throw new RoutingError(
        `'${table.primaryKey}' names the owner in '${table.group.name}', so it can't be made here. Give it.`,
        { table: table.name },
      );
    }
    return make(within ?? routeAnySlot(topology, table.keyspace, chance));
  }
  const shardKey: unknown = Reflect.get(row, table.shardKey);
  if (!isShardKey(shardKey) || shardKey instanceof Uint8Array) {
    throw new RoutingError('A shard key is text, an integer or a bigint.');
  }
  const route = routeKey(topology, table.keyspace, shardKey);
  if (ownId === undefined) return make(route);
  const named = routeId(topology, table.keyspace, ownId);
  // An owner that moves leaves ids behind that name its earlier places: see placeOwnId.
  if (named.locator === route.locator || keyspace?.strategy === 'geo') {
    return { route, named, id: ownId };
  }
  throw disagreement(table);
}

/** The refusal of a row whose id names a slot where its owner never was. */
export function disagreement({ name, shardKey }: Table): RoutingError {
  return new RoutingError(
    `The row's id names another slot than its '${shardKey}'. Leave the id out and insert makes one.`,
    { table: name },
  );
}

/**
 * Refuses to put a row under the id of one that was moved, when what the row says of itself places it
 * where that one had been.
 *
 * @throws {RoutingError}
 */
export function assertBelongs({ name, place }: Table, placed: Route, to: Route): void {
  const [here, there] = [placed.shard.region.name, to.shard.region.name];
  if (place === undefined || here === there) return;
  throw new RoutingError(
    `The row with this id was moved to region '${there}', while this one belongs in '${here}'. ` +
      'Leave the id out and insert makes one.',
    { table: name },
  );
}

/** Refuses a patch that changes a key. @throws {RoutingError} */
export function assertKeysStay(table: Table, patch: Readonly<Record<string, unknown>>): void {
  for (const column of [table.primaryKey, table.shardKey]) {
    if (!(column in patch)) continue;
    throw new RoutingError(
      `'${column}' places the row, so it can't be changed. Insert a new row and delete this one.`,
      { table: table.name, column },
    );
  }
}

/**
 * Refuses a patch that would move the row from where it is.
 *
 * @throws {RoutingError} when the patch changes a column that places the row;
 * {@link ResidencyError} when the row would leave a strict region, or should be in one.
 */
export function assertStays(
  { topology, table, locateIp }: Placing,
  route: Route,
  patch: Readonly<Record<string, unknown>>,
): void {
  const keyspace = topology.keyspaces.get(table.keyspace);
  if (table.place === undefined || keyspace?.strategy !== 'geo') return;
  const probe = probePlace(table.place, patch);
  if (!probe.isAsked) return;
  if (probe.missing.size > 0) {
    throw new RoutingError(
      `The patch changes part of what places the row; give ${[...probe.missing].join(', ')} as well, so that its region can be told.`,
      { table: table.name },
    );
  }
  if ('failure' in probe) throw probe.failure;
  const from = route.shard.region;
  const to = regionFor(topology, table.keyspace, locatePlace(probe.place, locateIp));
  if (to.name === from.name) return;
  const move = `The patch would move the row from region '${from.name}' to '${to.name}'`;
  const cure = 'Use relocate(id, place).';
  const strict = [from, to].filter(({ residency }) => residency === 'strict');
  if (strict.length > 0) {
    const strictRegions = strict.map(({ name }) => name);
    throw new ResidencyError(
      `${move}, and rows of ${strictRegions.join(' and ')} must stay in their region. ${cure}`,
      { strictRegions, region: from.residency === 'strict' ? to.name : from.name },
      { table: table.name },
    );
  }
  throw new RoutingError(`${move}, and its id would go on naming the old one. ${cure}`, {
    table: table.name,
  });
}

/** Whether a patch changes what places its row, so that it matters where the row is. */
export function touchesPlace(table: Table, patch: Readonly<Record<string, unknown>>): boolean {
  return table.place !== undefined && probePlace(table.place, patch).isAsked;
}
