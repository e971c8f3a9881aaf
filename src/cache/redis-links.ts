import type { Observer } from '../observability/events.ts';
import type { Deadline } from '../resilience/deadline.ts';
import { ClusterLinks } from './cluster-links.ts';
import type { OnInvalidated } from './invalidation-channel.ts';
import { isCluster, type RedisClient, type RedisNode, templateOf } from './redis-client.ts';
import { RedisLink, type RedisLinkConfig } from './redis-link.ts';

export type RedisLinksConfig = Omit<RedisLinkConfig, 'settleMs'>;

/** The connections to the servers of one Redis, be it one server or a cluster. */
export interface RedisLinks {
  /** The connection to the server that holds a key; undefined while none is known. */
  linkOf(key: string): RedisLink | undefined;
  /** The keys of one server in groups that it lets one command name. */
  groupsOf(keys: readonly string[]): readonly (readonly string[])[];
  /** Hears of what other processes invalidate in a namespace. */
  listen(namespace: string, onInvalidated: OnInvalidated): void;
  /** Resolves once all servers are used, or with false once it is too late. */
  ready(patience: Deadline): Promise<boolean>;
  close(): void;
}

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

/** One server, which Sentinel may replace by another. */
class SingleLink implements RedisLinks {
  readonly #link: RedisLink;

  constructor(template: RedisNode, config: RedisLinksConfig, observe: Observer) {
    // Who asks Sentinel while it replaces a server may learn of the new one before the others have
    // left the old one: until they have, the new one is not used.
    const settleMs = template.options.sentinels ? config.maxGapMs : 0;
    this.#link = new RedisLink(template, { ...config, settleMs }, observe);
  }

  linkOf(): RedisLink {
    return this.#link;
  }

  groupsOf(keys: readonly string[]): readonly (readonly string[])[] {
    return [keys];
  }

  listen(namespace: string, onInvalidated: OnInvalidated): void {
    this.#link.channel.listen(namespace, onInvalidated);
  }

  ready(patience: Deadline): Promise<boolean> {
    return this.#link.ready(patience);
  }

  close(): void {
    this.#link.close();
  }
}
