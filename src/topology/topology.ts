import type { EndpointAddress } from '../config/endpoint-url.ts';
import type { PlacingRegion } from '../sharding/places/place.ts';
import type { ResidencyRegion } from '../sharding/places/residency.ts';
import type { SlotMap } from '../sharding/slots/slot-map.ts';

/** A geographic area that holds shards. */
export interface TopologyRegion extends PlacingRegion, ResidencyRegion {}

/** One server address of a shard. */
export interface Endpoint {
  /** `eu-1/primary`, `eu-1/replica-1`: what logs, errors and `explain` show. */
  readonly name: string;
  /** Where the document names it: `shards.eu-1.replicas.0`. */
  readonly path: string;
  readonly shard: string;
  readonly role: 'primary' | 'replica';
  readonly region: string;
  readonly address: EndpointAddress;
}

/**
 * Tells endpoints of different snapshots apart: by the address, and by the name, since what a server must
 * prove depends on whose it is. Holds the password: for comparisons only.
 */
export function endpointKey({ name, address }: Endpoint): string {
  const { host, port, user, password, database, tls, via } = address;
  return JSON.stringify([name, host, port, user, password, database, tls, via]);
}

/** All endpoints of shards, the primary of each before its replicas. */
export function endpointsOf(shards: Iterable<Shard>): Endpoint[] {
  return [...shards].flatMap(({ primary, replicas }) => [primary, ...replicas]);
}

/** One logical database in one region: a primary and its replicas. */
export interface Shard {
  readonly name: string;
  readonly region: TopologyRegion;
  readonly keyspace: string;
  readonly primary: Endpoint;
  readonly replicas: readonly Endpoint[];
  /** Replicas in regions that may not hold its rows: they are never asked anything. */
  readonly unlawfulReplicas: readonly Endpoint[];
  /** Fingerprint of the slots it owns; its database records the same. */
  readonly slotFingerprint: string;
}

interface KeyspaceBase {
  readonly name: string;
  readonly code: number;
  /** In the order of the document. */
  readonly shards: readonly Shard[];
}

/** Rows spread over all shards by the hash of their key. */
export interface HashKeyspace extends KeyspaceBase {
  readonly strategy: 'hash';
  readonly slots: SlotMap;
  /** The shard of each slot, by slot: one array read on the hot path. */
  readonly shardBySlot: readonly Shard[];
}

/** Rows live in the region of their place. */
export interface GeoKeyspace extends KeyspaceBase {
  readonly strategy: 'geo';
  /** Only the regions where this keyspace has shards. */
  readonly regions: readonly GeoRegion[];
  /** By region code. */
  readonly regionByCode: ReadonlyMap<number, GeoRegion>;
}

export interface GeoRegion extends TopologyRegion {
  readonly slots: SlotMap;
  readonly shardBySlot: readonly Shard[];
}

export type Keyspace = HashKeyspace | GeoKeyspace;

/** An immutable snapshot of where everything is. */
export interface Topology {
  /** Grows with every change. */
  readonly epoch: number;
  /** Grows with every change of servers within an epoch. */
  readonly revision: number;
  /** Where rows of a country go that no region of their keyspace lists. */
  readonly unlistedCountries: 'refuse' | 'nearest';
  readonly regions: ReadonlyMap<string, TopologyRegion>;
  readonly shards: ReadonlyMap<string, Shard>;
  readonly keyspaces: ReadonlyMap<string, Keyspace>;
}
