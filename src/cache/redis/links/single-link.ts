import type { Observer } from '../../../observability/events.ts';
import type { Deadline } from '../../../resilience/time/deadline.ts';
import type { OnInvalidated } from '../invalidation-channel.ts';
import type { RedisNode } from './redis-client.ts';
import { RedisLink } from './redis-link.ts';
import type { RedisLinks, RedisLinksConfig } from './redis-links.ts';

/** One server, which Sentinel may replace by another. */
export class SingleLink implements RedisLinks {
  readonly #link: RedisLink;

  constructor(template: RedisNode, config: RedisLinksConfig, observe: Observer) {
    // Who asks Sentinel while it replaces a server may learn of the new one before the others have
    // left the old one: until they have, the new one is not used.
    const settleMs = template.options.sentinels ? config.maxGapMs : 0;
    this.#link = new RedisLink(template, { ...config, settleMs }, observe);
  }

  get isUp(): boolean {
    return this.#link.server !== undefined;
  }

  linkOf(): RedisLink {
    return this.#link;
  }

  all(): readonly RedisLink[] {
    return [this.#link];
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
