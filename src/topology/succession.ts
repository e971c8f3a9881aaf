import { isDeepStrictEqual } from 'node:util';
import type { Problem } from '../errors/config-error.ts';
import { type Endpoint, endpointKey, endpointsOf, type Shard, type Topology } from './topology.ts';

/** What one snapshot changes of the one before it. */
export interface TopologyChange {
  /** Shards that are new, whose primary has another address, or that are placed otherwise. */
  readonly changed: readonly Shard[];
  readonly kept: readonly Shard[];
  /** Replicas of kept shards that are new, or have another address. */
  readonly replicas: readonly Endpoint[];
  /** Keyspaces that have a shard more, and those that have one less. */
  readonly joined: ReadonlySet<string>;
  readonly left: ReadonlySet<string>;
}

export function changeOf(before: Topology, after: Topology): TopologyChange {
  const changed: Shard[] = [];
  const kept: Shard[] = [];
  const replicas: Endpoint[] = [];
  for (const shard of after.shards.values()) {
    const was = before.shards.get(shard.name);
    if (was === undefined || !isSameShard(was, shard)) {
      changed.push(shard);
      continue;
    }
    kept.push(shard);
    const known = new Set(was.replicas.map(endpointKey));
    replicas.push(...shard.replicas.filter((replica) => !known.has(endpointKey(replica))));
  }
  const [joined, left] = [newIn(before, after), newIn(after, before)];
  return { changed, kept, replicas, joined, left };
}

/** The keyspaces of shards that the one has and the other lacks. */
function newIn({ shards: others }: Topology, { shards }: Topology): ReadonlySet<string> {
  const lacking = [...shards.values()].filter(({ name }) => !others.has(name));
  return new Set(lacking.map(({ keyspace }) => keyspace));
}

function isSameShard(was: Shard, is: Shard): boolean {
  return (
    endpointKey(was.primary) === endpointKey(is.primary) &&
    was.keyspace === is.keyspace &&
    was.region.code === is.region.code &&
    was.slotFingerprint === is.slotFingerprint
  );
}

/** The names of the endpoints that a snapshot adds, or gives another address, and of those that it leaves. */
export function endpointChanges(before: Topology, after: Topology) {
  const [old, now] = [endpointsOf(before.shards.values()), endpointsOf(after.shards.values())];
  const without = (some: readonly Endpoint[], others: readonly Endpoint[]) => {
    const keys = new Set(others.map(endpointKey));
    return some.filter((one) => !keys.has(endpointKey(one))).map(({ name }) => name);
  };
  return { added: without(now, old), removed: without(old, now) };
}

/**
 * Refuses what no running process may take over. Whether the databases agree is asked of them; whether two
 * documents of one epoch are one is the source's to say.
 */
export function checkSuccession(before: Topology, after: Topology, problems: Problem[]): void {
  if (after.epoch < before.epoch) {
    problems.push({
      path: 'epoch',
      message:
        `is ${after.epoch}, and ${before.epoch} is in force: an older topology is not gone back to. To go back to what it says, give ` +
        'that document a larger epoch',
    });
  } else if (after.epoch === before.epoch && !isLaterRevision(before, after)) {
    problems.push({
      path: 'epoch',
      message:
        `is ${after.epoch}, which is in force with another content: of two with one epoch nobody knows which one is meant. ` +
        'Raise the epoch with every change; a larger revision is enough where nothing but addresses of servers and replicas changes',
    });
  }
  for (const [name, { code, strategy }] of after.keyspaces) {
    const was = before.keyspaces.get(name);
    if (was === undefined) continue;
    const changed = (field: string, from: string | number, to: string | number) =>
      problems.push({
        path: `keyspaces.${name}.${field}`,
        message: `is '${to}', and was '${from}': its rows were placed, and their ids made, by the latter. Go back to it`,
      });
    if (was.code !== code) changed('code', was.code, code);
    if (was.strategy !== strategy) changed('strategy', was.strategy, strategy);
  }
  for (const [name, { region, keyspace }] of after.shards) {
    const was = before.shards.get(name)?.region;
    if (was === undefined || was.code === region.code) continue;
    if (after.keyspaces.get(keyspace)?.strategy !== 'geo') continue;
    problems.push({
      path: `shards.${name}.region`,
      message: `has code ${region.code}, and had ${was.code}: ids of its rows carry the latter. Give the shard its region, and the region its code, back`,
    });
  }
}

function isLaterRevision(before: Topology, after: Topology): boolean {
  return after.revision > before.revision && isDeepStrictEqual(placing(before), placing(after));
}

/** All that a snapshot says but where servers are. */
function placing({ unlistedCountries, regions, shards, keyspaces }: Topology) {
  return {
    unlistedCountries,
    regions,
    shards: [...shards.values()].map(({ name, region, keyspace, slotFingerprint }) => [
      name,
      region.name,
      keyspace,
      slotFingerprint,
    ]),
    keyspaces: [...keyspaces.values()].map(({ name, code, strategy }) => [name, code, strategy]),
  };
}
