import type { Observer } from '../../../observability/events.ts';
import { ClusterLinks } from './cluster-links.ts';
import { isCluster, type RedisClient } from './redis-client.ts';
import type { RedisLinks, RedisLinksConfig } from './redis-links.ts';
import { SingleLink } from './single-link.ts';

/** Opens connections as a client says. The client itself is left alone. */
export function openLinks(
  template: RedisClient,
  config: RedisLinksConfig,
  observe: Observer,
): RedisLinks {
  return isCluster(template)
    ? new ClusterLinks(template, config, observe)
    : new SingleLink(template, config, observe);
}
