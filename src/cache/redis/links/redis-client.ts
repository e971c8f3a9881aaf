import { type ConnectionOptions, createSecureContext } from 'node:tls';
import { Redis } from 'ioredis';
import { redisUrl } from '../../../config/given-redis.ts';
import { type Certificates, systemCertificates } from '../../../tls/certificates.ts';

type ConnectionEvent = 'ready' | 'close';

/**
 * What the cache needs of a connection to one server: ioredis 5.3 or later, also through Sentinel.
 *
 * @see {@link RedisClient}
 */
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
  scan(
    cursor: string,
    match: 'MATCH',
    pattern: string,
    count: 'COUNT',
    size: number,
  ): Promise<[cursor: string, keys: string[]]>;
  publish(channel: string, message: string): Promise<number>;
  subscribe(...channels: string[]): Promise<unknown>;
  duplicate(override: object): RedisNode;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: ConnectionEvent, listener: () => void): unknown;
  disconnect(reconnect?: boolean): void;
}

/**
 * What the cache needs of an ioredis `Cluster`.
 *
 * @see {@link RedisClient}
 */
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

/**
 * An ioredis client: `Redis`, also with `sentinels`, or `Cluster`.
 *
 * @example
 * import { Redis } from 'ioredis';
 * const redis: RedisClient = new Redis('redis://cache.example', { lazyConnect: true });
 */
export type RedisClient = RedisNode | RedisCluster;

export function isCluster(client: RedisClient): client is RedisCluster {
  return 'nodes' in client;
}

/** A client of ours, which only says how to connect: its URL, TLS and credentials. */
export function templateOf(url: string, certificates = systemCertificates): RedisNode {
  const isEncrypted = new URL(url).protocol === 'rediss:';
  return new Redis(redisUrl(url), {
    lazyConnect: true,
    ...(isEncrypted && { tls: tlsBy(certificates) }),
  });
}

/** Options of TLS that are looked up whenever ioredis connects: it copies them into those of the socket. */
function tlsBy(certificates: Certificates): ConnectionOptions {
  return {
    rejectUnauthorized: true,
    get secureContext() {
      return createSecureContext(certificates.forConnection());
    },
  };
}

/**
 * A connection after the template of a client that says how to connect, and nothing else: what it wishes
 * of commands and replies is its own affair.
 *
 * @param pauseMs milliseconds before the connection is opened anew, by the number of the attempt.
 */
export function openConnection(
  template: RedisNode,
  pauseMs: (attempt: number) => number,
  onError: (error: Error) => void,
): RedisNode {
  const connection = template.duplicate({ ...failFast, ...asRedisSaysIt, retryStrategy: pauseMs });
  connection.on('error', onError);
  return connection;
}

/** Options of a user's client that would change what commands do and what comes back. */
const asRedisSaysIt = {
  stringNumbers: false,
  // Version 6 would speak RESP3, in which a listener loses messages.
  protocol: 2,
  replyMapping: 'legacy',
  // The reads of a tick are one MGET as it is, which pipelining makes a third slower.
  enableAutoPipelining: false,
  enableReadyCheck: true,
  readOnly: false,
  role: 'master',
  monitor: false,
  scripts: undefined,
  // Times of our own are kept here; an idle listener is no dead one.
  commandTimeout: undefined,
  socketTimeout: undefined,
  blockingTimeout: undefined,
};

/**
 * A command is sent now or refused now. Queued or repeated commands would arrive after an
 * invalidation that they should have come before.
 */
const failFast = {
  lazyConnect: true,
  connectTimeout: 2_000,
  // A connection that is given up has nothing left to say, and would keep the process alive meanwhile.
  disconnectTimeout: 20,
  // Subscriptions are made by hand, when it is known which server this is.
  autoResubscribe: false,
  // Keys have a namespace of their own, and scripts and messages name them as they are.
  keyPrefix: '',
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
};
