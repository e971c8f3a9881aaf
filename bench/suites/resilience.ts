import { startLocalCluster } from 'meridian/testing';
import { amplification } from '../resilience/amplification.ts';
import { blackHole } from '../resilience/black-hole.ts';
import { killedPrimary } from '../resilience/killed-primary.ts';
import { lostReplies } from '../resilience/lost-replies.ts';
import { overload } from '../resilience/overload.ts';
import { createWork } from '../resilience/work.ts';
import type { Result, Suite } from '../result.ts';
import { suite as guard } from './guard.ts';

const together = ['a', 'b', 'c', 'd'] as const;
const alone = 'e' as const;

/** What faults and overload do to callers. */
export const suite: Suite = {
  name: 'Guards, faults and overload (generator and service in processes of their own)',
  async run() {
    const cluster = await startLocalCluster({ shards: [...together, alone], redis: false });
    try {
      const primaries = [...together, alone].map((name) => cluster.shards[name].primary);
      for (const { adminUrl } of primaries) await createWork(adminUrl);
      const urls = together.map((name) => cluster.shards[name].primary.url);
      const { primary } = cluster.shards[alone];
      const parts: (() => Promise<Result | Result[]>)[] = [
        () => blackHole(urls),
        () => overload(primary.url),
        () => amplification(primary),
        () => lostReplies(primary),
        () => killedPrimary(primary),
      ];
      const results = await guard.run();
      for (const part of parts) results.push(...[await part()].flat());
      return results;
    } finally {
      await cluster.stop();
    }
  },
};
