import type { Observer } from '../../../observability/events.ts';
import { ClusterLinks } from './cluster-links.ts';
import { isCluster, type RedisClient, templateOf } from './redis-client.ts';
import type { RedisLinks, RedisLinksConfig } from './redis-links.ts';
import { SingleLink } from './single-link.ts';

/** Opens connections as a URL or a client says. The client itself is left alone. */
export function openLinks(
  redis: string | RedisClient,
  config: RedisLinksConfig,
  observe: Observer,
): RedisLinks {
  const template = typeof redis === 'string' ? templateOf(redis) : redis;
  return isCluster(template)
    ? new ClusterLinks(template, config, observe)
    : new SingleLink(template, config, observe);
}
