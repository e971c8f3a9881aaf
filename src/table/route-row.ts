import { RoutingError } from '../errors/routing-error.ts';
import type { Route } from '../routing/route.ts';
import { regionFor, routeAnySlot, routeId, routeKey, routePlace } from '../routing/router.ts';
import { newId } from '../sharding/id.ts';
import { type IpLocator, locatePlace } from '../sharding/locate-place.ts';
import type { Place } from '../sharding/place.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import type { Topology } from '../topology/topology.ts';
import type { RowOf, RowSchema, Table } from './define-table.ts';

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
 *
 * @throws {RoutingError} when the row's id names another slot than its shard key or place.
 */
export function routeNewRow<Schema extends RowSchema>(
  { topology, table, locateIp }: Placing<Schema>,
  row: RowOf<Schema>,
  ownId: ShardKey | undefined,
  within?: Route,
): { readonly route: Route; readonly id: ShardKey } {
  const keyspace = topology.keyspaces.get(table.keyspace);
  const make = (route: Route) => ({ route, id: newId(keyspace?.code ?? 0, route.locator) });
  if (table.place !== undefined) {
    const place = locatePlace(table.place(row), locateIp);
    if (ownId === undefined) {
      const placed = routePlace(topology, table.keyspace, place, Math.random());
      return make(within?.shard.region.name === placed.shard.region.name ? within : placed);
    }
    const route = routeId(topology, table.keyspace, ownId);
    const region = regionFor(topology, table.keyspace, place);
    if (region.name === route.shard.region.name) return { route, id: ownId };
    throw new RoutingError(
      `The row's id names region '${route.shard.region.name}', its place region '${region.name}'. ` +
        'Leave the id out and insert makes one.',
      { table: table.name },
    );
  }
  if (table.shardKey === table.primaryKey) {
    if (ownId !== undefined) return { route: routeKey(topology, table.keyspace, ownId), id: ownId };
    return make(within ?? routeAnySlot(topology, table.keyspace, Math.random()));
  }
  const shardKey: unknown = Reflect.get(row, table.shardKey);
  const route = routeKey(topology, table.keyspace, asKey(shardKey));
  if (ownId === undefined) return make(route);
  if (routeId(topology, table.keyspace, ownId).locator !== route.locator) {
    throw new RoutingError(
      `The row's id names another slot than its '${table.shardKey}'. Leave the id out and insert makes one.`,
      { table: table.name },
    );
  }
  return { route, id: ownId };
}

/**
 * Refuses a patch that would move the row: the id would then name a place where it is not.
 *
 * @throws {RoutingError} when the patch changes a key, or a column that places the row.
 */
export function assertStays(
  { topology, table, locateIp }: Placing,
  route: Route,
  patch: Readonly<Record<string, unknown>>,
): void {
  for (const column of [table.primaryKey, table.shardKey]) {
    if (!(column in patch)) continue;
    throw new RoutingError(
      `'${column}' places the row, so it can't be changed. Insert a new row and delete this one.`,
      { table: table.name, column },
    );
  }
  const keyspace = topology.keyspaces.get(table.keyspace);
  if (table.place === undefined || keyspace?.strategy !== 'geo') return;
  const missing = new Set<string>();
  let asked = false;
  const watched = new Proxy(patch, {
    get(target, column) {
      if (typeof column !== 'string') return undefined;
      if (column in target) asked = true;
      else missing.add(column);
      return target[column];
    },
  });
  let result: { readonly place: Place } | { readonly failure: unknown };
  try {
    result = { place: table.place(watched) };
  } catch (failure) {
    // place() may well fail on a row of which it sees a part; that matters only if it saw a change.
    result = { failure };
  }
  if (!asked) return;
  if (missing.size > 0) {
    throw new RoutingError(
      `The patch changes part of what places the row; give ${[...missing].join(', ')} as well, so that its region can be told.`,
      { table: table.name },
    );
  }
  if ('failure' in result) throw result.failure;
  const region = regionFor(topology, table.keyspace, locatePlace(result.place, locateIp));
  if (region.name === route.shard.region.name) return;
  throw new RoutingError(
    `The patch would move the row from region '${route.shard.region.name}' to '${region.name}', and its id would ` +
      'go on naming the old one. Insert it there and delete it here.',
    { table: table.name },
  );
}

function asKey(value: unknown): ShardKey {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
      return value;
    default:
      throw new RoutingError('A shard key is text, an integer or a bigint.');
  }
}
