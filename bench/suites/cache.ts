import { startLocalCluster } from 'meridian/testing';
import { crowds, killedOwner } from '../cache/cold-keys.ts';
import { memoryBound } from '../cache/memory-bound.ts';
import { memoryHits } from '../cache/memory-hits.ts';
import { pausedRedis } from '../cache/paused-redis.ts';
import { redisHits } from '../cache/redis-hits.ts';
import { deletesDuringLoads, lostInvalidations } from '../cache/stale-reads.ts';
import type { Result, Suite } from '../result.ts';

/** The cache against those that others use, on one Redis, in one run. */
export const suite: Suite = {
  name: 'Cache against other caches (same Redis, interleaved, medians)',
  async run() {
    const cluster = await startLocalCluster({ shards: [], redis: true });
    try {
      const { redis } = cluster;
      const parts: (() => Promise<Result | Result[]>)[] = [
        () => memoryHits(redis.url),
        () => redisHits(redis.url),
        () => crowds(redis.url),
        () => killedOwner(redis.url),
        () => deletesDuringLoads(redis.url),
        () => lostInvalidations(redis.url),
        () => pausedRedis(redis),
        () => memoryBound(),
      ];
      const results: Result[] = [];
      for (const part of parts) results.push(...[await part()].flat());
      return results;
    } finally {
      await cluster.stop();
    }
  },
};
