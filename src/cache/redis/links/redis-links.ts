import type { Deadline } from '../../../resilience/time/deadline.ts';
import type { OnInvalidated } from '../invalidation-channel.ts';
import type { RedisLink, RedisLinkConfig } from './redis-link.ts';

export type RedisLinksConfig = Omit<RedisLinkConfig, 'settleMs'>;

/** The connections to the servers of one Redis, be it one server or a cluster. */
export interface RedisLinks {
  /** The connection to the server that holds a key; undefined while none is known. */
  linkOf(key: string): RedisLink | undefined;
  /** The connections to all servers. */
  all(): readonly RedisLink[];
  /** The keys of one server in groups that it lets one command name. */
  groupsOf(keys: readonly string[]): readonly (readonly string[])[];
  /** Whether every server is used. No I/O. */
  readonly isUp: boolean;
  /** Hears of what other processes invalidate in a namespace. */
  listen(namespace: string, onInvalidated: OnInvalidated): void;
  /** Resolves once all servers are used, or with false once it is too late. */
  ready(patience: Deadline): Promise<boolean>;
  close(): void;
}
