import { Redis } from 'ioredis';

type ConnectionEvent = 'ready' | 'close' | 'end';

/** What the cache needs of a connection to one server: ioredis 5.11 or 6, also through Sentinel. */
export interface RedisNode {
  readonly status: string;
  readonly stream?: { destroy(): unknown };
  readonly options: { readonly host?: string | undefined; readonly port?: number | undefined };
  connect(): Promise<unknown>;
  mget(...keys: string[]): Promise<(string | null)[]>;
  set(key: string, value: string, px: 'PX', milliseconds: number, nx: 'NX'): Promise<'OK' | null>;
  eval(script: string, keyCount: number, ...args: string[]): Promise<unknown>;
  evalsha(sha: string, keyCount: number, ...args: string[]): Promise<unknown>;
  script(load: 'LOAD', script: string): Promise<unknown>;
  info(section: string): Promise<string>;
  role(): Promise<unknown>;
  publish(channel: string, message: string): Promise<number>;
  subscribe(...channels: string[]): Promise<unknown>;
  duplicate(override: object): RedisNode;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: ConnectionEvent, listener: () => void): unknown;
  off(event: ConnectionEvent, listener: () => void): unknown;
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
  disconnect(): void;
}

/** An ioredis client: `Redis`, also with `sentinels`, or `Cluster`. */
export type RedisClient = RedisNode | RedisCluster;

export function isCluster(client: RedisClient): client is RedisCluster {
  return 'nodes' in client;
}

/**
 * Opens a connection that fails fast: a command is sent now or refused now. Queued or repeated
 * commands would arrive after an invalidation that they should have come before.
 */
export function openRedis(url: string, onError: (error: Error) => void): RedisNode {
  const client = new Redis(url, {
    // The commands of one tick leave in one write to the socket.
    enableAutoPipelining: true,
    connectTimeout: 2_000,
    ...failFast,
  });
  client.on('error', onError);
  return client;
}

/** The connection that listens for invalidations beside one that sends commands. */
export function openListener(node: RedisNode, onError: (error: Error) => void): RedisNode {
  const listener = node.duplicate({
    ...failFast,
    // Subscriptions are made by hand, when it is known which server this is.
    autoResubscribe: false,
    enableAutoPipelining: false,
    lazyConnect: true,
    // Version 6 would speak RESP3, in which it loses messages.
    protocol: 2,
  });
  listener.on('error', onError);
  return listener;
}

const failFast = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  retryStrategy: (attempt: number) => Math.min(25 * 2 ** attempt, 500),
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
};
