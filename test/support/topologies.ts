import { createTopology } from '../../src/topology/create-topology.ts';
import type { Shard, Topology } from '../../src/topology/topology.ts';
import { TopologyStore } from '../../src/topology/topology-store.ts';

/** The snapshot that a document describes. */
export function topologyOf(document: unknown): Topology {
  const problems: { path: string; message: string }[] = [];
  const topology = createTopology(document, problems);
  if (topology === undefined) throw new Error(JSON.stringify(problems));
  return topology;
}

/** A topology of one shard, for what needs one and does not look at it. */
export function oneShard(): TopologyStore {
  return new TopologyStore(
    topologyOf({
      epoch: 1,
      regions: { eu: { code: 1, location: [50.1, 8.7], countries: ['DE'] } },
      shards: { 'eu-1': { region: 'eu', primary: 'mysql://app@eu.example/people?tls=off' } },
      keyspaces: { people: { code: 1, strategy: 'geo', shards: ['eu-1'] } },
    }),
    'a test',
  );
}

/** A shard of a snapshot of its own. */
export function lonelyShard(name: string): Shard {
  const [shard] = oneShard().current.shards.values();
  if (shard === undefined) throw new TypeError('it has one shard');
  return { ...shard, name };
}
