import { RoutingError } from '../errors/routing-error.ts';
import { idLocator } from '../sharding/ids/id-codec.ts';
import { hashSlotFor } from '../sharding/locate-key.ts';
import { GEO_SLOTS, geoLocator } from '../sharding/places/geo-strategy.ts';
import { type LocatedPlace, regionOfPlace } from '../sharding/places/place.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import { HASH_SLOTS } from '../sharding/slots/hash-strategy.ts';
import type {
  GeoKeyspace,
  GeoRegion,
  HashKeyspace,
  Keyspace,
  Topology,
} from '../topology/topology.ts';
import type { Route, RouteReason } from './route.ts';

/**
 * Routes a key: an id of the keyspace by the slot it carries, in a hash keyspace every other key
 * by its hash. O(1).
 *
 * @throws {RoutingError} when the key can't be one, or names a slot that does not exist.
 */
export function routeKey(topology: Topology, keyspaceName: string, key: ShardKey): Route {
  const keyspace = keyspaceOf(topology, keyspaceName);
  if (keyspace.strategy === 'geo') return routeId(topology, keyspaceName, key);
  const slot = hashSlotFor(key, keyspace.code);
  const reason = slot === idLocator(key, keyspace.code) ? 'id' : 'hash';
  return hashRoute(topology, keyspace, slot, reason);
}

/**
 * Routes an id by the slot it carries, and nothing else. O(1).
 *
 * @throws {RoutingError} when it is not an id of this keyspace.
 */
export function routeId(topology: Topology, keyspaceName: string, id: ShardKey): Route {
  const keyspace = keyspaceOf(topology, keyspaceName);
  const locator = idLocator(id, keyspace.code);
  if (locator === undefined) {
    throw new RoutingError(
      `This is not an id of keyspace '${keyspaceName}': its ids are made by insert, and an id of ` +
        'another keyspace or another system can not be found here.',
      { keyspace: keyspaceName },
    );
  }
  return routeSlot(topology, keyspace, locator, 'id');
}

/**
 * Routes to a slot that was named before, by a directory entry say. O(1).
 *
 * @throws {RoutingError} when the keyspace or the slot is not there any more.
 */
export function routeLocator(topology: Topology, keyspaceName: string, locator: number): Route {
  return routeSlot(topology, keyspaceOf(topology, keyspaceName), locator, 'id');
}

/**
 * Routes a new row of a geo keyspace that is its own owner: the place gives the region, chance the
 * slot.
 *
 * @param random a number from 0 up to 1.
 * @throws {RoutingError} or {@link ResidencyError} when no region may take the row.
 */
export function routePlace(
  topology: Topology,
  keyspaceName: string,
  place: LocatedPlace,
  random: number,
): Route {
  const region = regionFor(topology, keyspaceName, place);
  const locator = geoLocator(region.code, Math.floor(random * GEO_SLOTS));
  return routeSlot(topology, keyspaceOf(topology, keyspaceName), locator, 'place');
}

/**
 * The region of a geo keyspace that rows of a place live in. O(regions).
 *
 * @throws {RoutingError} or {@link ResidencyError} when no region may take them.
 */
export function regionFor(
  topology: Topology,
  keyspaceName: string,
  place: LocatedPlace,
): GeoRegion {
  const keyspace = keyspaceOf(topology, keyspaceName);
  if (keyspace.strategy !== 'geo') {
    throw new RoutingError(`Keyspace '${keyspaceName}' places rows by hash, not by place.`);
  }
  return regionOfPlace(place, {
    regions: keyspace.regions,
    allRegions: topology.regions.values(),
    unlistedCountries: topology.unlistedCountries,
  });
}

/**
 * Routes to a slot that a forwarding mark names.
 *
 * @throws {RoutingError} when this topology does not have the slot.
 */
export function routeForwarded(topology: Topology, keyspaceName: string, locator: number): Route {
  return routeSlot(topology, keyspaceOf(topology, keyspaceName), locator, 'forwarded');
}

/** Routes a new row of a hash keyspace that is its own owner: chance gives the slot. */
export function routeAnySlot(topology: Topology, keyspaceName: string, random: number): Route {
  const keyspace = keyspaceOf(topology, keyspaceName);
  return routeSlot(topology, keyspace, Math.floor(random * HASH_SLOTS), 'hash');
}

/** A locator that leads to a shard: that of the first slot that it holds. O(slots). */
export function firstLocatorOf(topology: Topology, shardName: string): number {
  const shard = topology.shards.get(shardName);
  const keyspace = keyspaceOf(topology, shard?.keyspace ?? '');
  const locators =
    keyspace.strategy === 'hash'
      ? [keyspace.shardBySlot.findIndex(({ name }) => name === shardName)]
      : keyspace.regions.flatMap(({ code, shardBySlot }) => {
          const slot = shardBySlot.findIndex(({ name }) => name === shardName);
          return slot < 0 ? [] : [geoLocator(code, slot)];
        });
  const [first = -1] = locators;
  if (first >= 0) return first;
  throw new RoutingError(`Shard '${shardName}' holds no slot at epoch ${topology.epoch}.`);
}

/** The keyspace of a table. @throws {RoutingError} when this topology has none of that name. */
export function keyspaceOf(topology: Topology, name: string): Keyspace {
  const keyspace = topology.keyspaces.get(name);
  if (keyspace !== undefined) return keyspace;
  throw new RoutingError(`The topology at epoch ${topology.epoch} has no keyspace '${name}'.`);
}

function routeSlot(
  topology: Topology,
  keyspace: Keyspace,
  locator: number,
  reason: RouteReason,
): Route {
  return keyspace.strategy === 'hash'
    ? hashRoute(topology, keyspace, locator, reason)
    : geoRoute(topology, keyspace, locator, reason);
}

function hashRoute(
  topology: Topology,
  keyspace: HashKeyspace,
  slot: number,
  reason: RouteReason,
): Route {
  const shard = keyspace.shardBySlot[slot];
  if (shard === undefined) throw noSuchSlot(keyspace, slot);
  return { topology, keyspace: keyspace.name, shard, locator: slot, slot, reason };
}

function geoRoute(
  topology: Topology,
  keyspace: GeoKeyspace,
  locator: number,
  reason: RouteReason,
): Route {
  const slot = locator % GEO_SLOTS;
  const region = keyspace.regionByCode.get((locator - slot) / GEO_SLOTS);
  const shard = region?.shardBySlot[slot];
  if (shard === undefined) throw noSuchSlot(keyspace, locator);
  return { topology, keyspace: keyspace.name, shard, locator, slot, reason };
}

function noSuchSlot({ name }: Keyspace, locator: number): RoutingError {
  return new RoutingError(
    `The id names slot ${locator}, which keyspace '${name}' does not have. Was a region removed?`,
    { keyspace: name, locator },
  );
}
