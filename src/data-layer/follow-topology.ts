import { type AdoptionParts, adoptTopology } from '../reconfiguration/adopt-topology.ts';
import { TopologyFollower } from '../reconfiguration/topology-follower.ts';
import { reportUnlawfulReplicas } from '../rows/audited.ts';
import { checkTopology } from './check-topology.ts';
import type { Servers } from './open-servers.ts';
import type { Setup } from './setup.ts';

/** Builds what puts the documents of the source in force that come later. Does no I/O. */
export function followTopology(setup: Setup, servers: Servers): TopologyFollower {
  const { source, first, config, who, observe } = setup;
  const { topology: store, ...verifying } = servers;
  const adoption: AdoptionParts = {
    ...verifying,
    store,
    observe,
    drainMs: config.drainMs,
    check: (next, problems) => checkTopology(setup, next, problems),
  };
  return new TopologyFollower({
    source,
    first,
    store,
    observe,
    lastGood: config.keepLastGood,
    async adopt(next, signal) {
      await adoptTopology(adoption, next, source.name, signal);
      reportUnlawfulReplicas(next, who, observe);
    },
  });
}
