import type { LocalShard } from '../runners/server.ts';
import { type ChaosProxy, startChaosProxy } from './chaos-proxy.ts';

/**
 * A shard with a network between it and its clients that can be made to fail.
 *
 * @example
 * const cluster = await startLocalCluster({ shards: ['eu-1'], proxies: true });
 * const shard: ProxiedShard = cluster.shards['eu-1'];
 * shard.proxy.refuse();
 */
export interface ProxiedShard extends LocalShard {
  /** Before the primary. */
  readonly proxy: ChaosProxy;
  /** The primary through the proxy: what the topology of the service under test names. */
  readonly url: string;
}

/** Puts a proxy before the primary of each shard. */
export function proxied(shards: readonly LocalShard[]): Promise<ProxiedShard[]> {
  return Promise.all(
    shards.map(async (shard) => {
      const proxy = await startChaosProxy({ target: shard.primary.url });
      return { ...shard, proxy, url: proxy.urlFor(shard.primary.url) };
    }),
  );
}
