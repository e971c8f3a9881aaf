import type { Shard, Topology } from '../topology/topology.ts';

/** Why a key went where it went. */
export type RouteReason =
  /** The id carries its slot. */
  | 'id'
  /** The key was hashed to a slot. */
  | 'hash'
  /** The row's place gave the region. */
  | 'place'
  /** The row's owner has moved: the shard that the id names says where to. */
  | 'forwarded';

/** The router's answer for one key. */
export interface Route {
  /** The snapshot that it was made from; where it leads on to is looked up there. */
  readonly topology: Topology;
  readonly keyspace: string;
  readonly shard: Shard;
  /** The 16 bits that name the slot; new ids of the same owner carry them. */
  readonly locator: number;
  /** The slot in the keyspace (hash) or in the region (geo). */
  readonly slot: number;
  readonly reason: RouteReason;
}
