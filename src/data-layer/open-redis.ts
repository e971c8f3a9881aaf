import { RedisRegions } from '../cache/redis/redis-regions.ts';
import { ConfigError } from '../errors/config-error.ts';
import type { Upkeep } from '../execution/upkeep.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import { SharedRedis } from '../verification/shared-redis.ts';
import type { Servers } from './open-servers.ts';
import type { Parts } from './parts.ts';
import type { Setup } from './setup.ts';

export interface OpenRedis {
  readonly regions: RedisRegions;
  /** First part of every cache key. */
  readonly namespace: string;
}

/**
 * Connects to Redis, once it is known which system the databases are.
 *
 * @throws {ConfigError} when it is not the Redis of the other services; the deadline's reason.
 */
export async function openRedis(
  { config, redis, certificates, plans, references, observe }: Setup,
  { topology, executor, inspection }: Servers,
  upkeep: Upkeep,
  parts: Parts,
  starting: Deadline,
): Promise<OpenRedis> {
  // Two systems may share one Redis, and even names and keys; their rows must not mix.
  const namespace = `${config.cache.namespace}:${inspection.system.slice(0, 8)}`;
  const sharing = parts.add(new SharedRedis({ topology, executor, upkeep, namespace, observe }));
  const isCached = [...plans, ...references].some(({ table }) => table.cache !== undefined);
  // Writes that were cut off end with the pools, and what they may have changed is forgotten then.
  const regions = parts.addBeneath(
    new RedisRegions(
      redis,
      {
        region: config.region,
        certificates: certificates.redis,
        ...config.cache,
        // Who caches nothing changes nothing that others find in their Redis.
        identityOf: isCached ? (of) => sharing.identityOf(of) : undefined,
      },
      observe,
    ),
  );
  await regions.ready(starting);
  const refusals = regions.refusals();
  if (refusals.length > 0) throw new ConfigError('This is another Redis', refusals);
  return { regions, namespace };
}
