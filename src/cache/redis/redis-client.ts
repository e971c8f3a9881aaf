import { Redis } from 'ioredis';

type ConnectionEvent = 'ready' | 'close';

/** What the cache needs of a connection to one server: ioredis 5.11 or 6, also through Sentinel. */
export interface RedisNode {
  readonly status: string;
  readonly stream?: { destroy(): unknown };
  readonly options: {
    readonly host?: string | undefined;
    readonly port?: number | undefined;
    readonly sentinels?: readonly object[] | null | undefined;
  };
  connect(): Promise<unknown>;
  mget(keys: string[]): Promise<(string | null)[]>;
  eval(script: string, keyCount: number, ...args: string[]): Promise<unknown>;
  evalsha(sha: string, keyCount: number, ...args: string[]): Promise<unknown>;
  script(load: 'LOAD', script: string): Promise<unknown>;
  info(section: string): Promise<string>;
  publish(channel: string, message: string): Promise<number>;
  subscribe(...channels: string[]): Promise<unknown>;
  duplicate(override: object): RedisNode;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: ConnectionEvent, listener: () => void): unknown;
  disconnect(reconnect?: boolean): void;
}

/** What the cache needs of an ioredis `Cluster`. */
export interface RedisCluster {
  readonly status: string;
  /** The servers of each slot as `host:port`, its master first. */
  readonly slots: readonly (readonly string[])[];
  nodes(role: 'master'): RedisNode[];
  connect(): Promise<unknown>;
  refreshSlotsCache(callback?: (error?: Error | null) => void): void;
  on(event: 'refresh', listener: () => void): unknown;
  off(event: 'refresh', listener: () => void): unknown;
  disconnect(): void;
}

/** An ioredis client: `Redis`, also with `sentinels`, or `Cluster`. */
export type RedisClient = RedisNode | RedisCluster;

/** Whether something is an ioredis client, as far as can be seen. */
export function isClient(value: object): value is RedisClient {
  return 'duplicate' in value && 'status' in value && typeof value.duplicate === 'function';
}

export function isCluster(client: RedisClient): client is RedisCluster {
  return 'nodes' in client;
}

/** A client of ours, which only says how to connect: its URL, TLS and credentials. */
export function templateOf(url: string): RedisNode {
  return new Redis(url, { lazyConnect: true });
}

/** The connection for commands, after the template of a client that says how to connect. */
export function openCommands(template: RedisNode, onError: (error: Error) => void): RedisNode {
  const commands = template.duplicate({
    ...failFast,
    // The reads of a tick are one MGET as it is, which pipelining makes a third slower.
    enableAutoPipelining: false,
  });
  commands.on('error', onError);
  return commands;
}

/** The connection that listens for invalidations. */
export function openListener(template: RedisNode, onError: (error: Error) => void): RedisNode {
  const listener = template.duplicate({
    ...failFast,
    enableAutoPipelining: false,
    // Version 6 would speak RESP3, in which it loses messages.
    protocol: 2,
  });
  listener.on('error', onError);
  return listener;
}

/**
 * A command is sent now or refused now. Queued or repeated commands would arrive after an
 * invalidation that they should have come before.
 */
const failFast = {
  lazyConnect: true,
  connectTimeout: 2_000,
  // Subscriptions are made by hand, when it is known which server this is.
  autoResubscribe: false,
  // Keys have a namespace of their own, and scripts and messages name them as they are.
  keyPrefix: '',
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  retryStrategy: (attempt: number) => Math.min(25 * 2 ** attempt, 500),
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
};
