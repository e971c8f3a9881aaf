import clusterKeySlot from 'cluster-key-slot';
import type { Observer } from '../../../observability/events.ts';
import type { Deadline } from '../../../resilience/time/deadline.ts';
import type { OnInvalidated } from '../invalidation-channel.ts';
import type { RedisCluster, RedisNode } from './redis-client.ts';
import { RedisLink } from './redis-link.ts';
import type { RedisLinks, RedisLinksConfig } from './redis-links.ts';

/**
 * A connection to each master of a Redis Cluster. Which server holds a slot is known from the user's
 * client; what a server that holds it no more answers to, the link does not use, and asks anew.
 */
export class ClusterLinks implements RedisLinks {
  readonly #cluster: RedisCluster;
  readonly #config: RedisLinksConfig;
  readonly #observe: Observer;
  readonly #links = new Map<string, RedisLink>();
  readonly #namespaces = new Map<string, OnInvalidated>();
  readonly #onRefresh = () => this.#follow();
  readonly #onNews = new Set<() => void>();

  constructor(cluster: RedisCluster, config: RedisLinksConfig, observe: Observer) {
    this.#cluster = cluster;
    this.#config = config;
    this.#observe = observe;
    cluster.on('refresh', this.#onRefresh);
    if (cluster.status === 'wait') {
      cluster.connect().catch(({ message }: Error) => this.#report(message));
    }
    this.#follow();
  }

  get isUp(): boolean {
    const links = [...this.#links.values()];
    return links.length > 0 && links.every(({ server }) => server !== undefined);
  }

  linkOf(key: string): RedisLink | undefined {
    const address = this.#cluster.slots[clusterKeySlot(key)]?.[0];
    return address === undefined ? undefined : this.#links.get(address);
  }

  all(): readonly RedisLink[] {
    return [...this.#links.values()];
  }

  groupsOf(keys: readonly string[]): readonly (readonly string[])[] {
    const bySlot = new Map<number, string[]>();
    for (const key of keys) {
      const slot = clusterKeySlot(key);
      const group = bySlot.get(slot);
      if (group === undefined) bySlot.set(slot, [key]);
      else group.push(key);
    }
    return [...bySlot.values()];
  }

  listen(namespace: string, onInvalidated: OnInvalidated): void {
    this.#namespaces.set(namespace, onInvalidated);
    for (const { channel } of this.#links.values()) channel.listen(namespace, onInvalidated);
  }

  async ready(patience: Deadline): Promise<boolean> {
    while (this.#links.size === 0) {
      try {
        await patience.race(new Promise<void>((resolve) => this.#onNews.add(resolve)));
      } catch {
        // The patience is over; whoever waited goes on without Redis, and says so.
        return false;
      }
    }
    const all = await Promise.all([...this.#links.values()].map((link) => link.ready(patience)));
    return all.every((isReady) => isReady);
  }

  close(): void {
    this.#cluster.off('refresh', this.#onRefresh);
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  /** Opens links to new masters, closes those to servers that are masters no more. */
  #follow(): void {
    const masters = new Set(this.#cluster.slots.flatMap((servers) => servers?.[0] ?? []));
    for (const [address, link] of this.#links) {
      if (masters.has(address)) continue;
      this.#links.delete(address);
      link.close();
    }
    const known = this.#cluster.nodes('master');
    for (const address of masters) {
      const node = known.find((one) => addressOf(one) === address);
      if (node !== undefined && !this.#links.has(address)) this.#open(address, node);
    }
    for (const tell of this.#onNews) tell();
    this.#onNews.clear();
  }

  #open(address: string, node: RedisNode): void {
    const { name, maxGapMs } = this.#config;
    const config = {
      ...this.#config,
      name: `${name}/${address}`,
      // The others may still use the server that this one replaces.
      settleMs: maxGapMs,
      onTrouble: () => this.#cluster.refreshSlotsCache(),
    };
    const link = new RedisLink(node, config, this.#observe);
    this.#links.set(address, link);
    for (const [namespace, onInvalidated] of this.#namespaces) {
      link.channel.listen(namespace, onInvalidated);
    }
  }

  #report(message: string): void {
    this.#observe({ type: 'cache-fault', operation: 'connection', message });
  }
}

function addressOf({ options: { host, port } }: RedisNode): string {
  return `${host}:${port}`;
}
