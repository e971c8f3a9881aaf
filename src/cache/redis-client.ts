import { Redis } from 'ioredis';

/** What the cache needs of an ioredis client, version 5 or 6. */
export interface RedisClient {
  readonly status: string;
  mget(...keys: string[]): Promise<(string | null)[]>;
  del(...keys: string[]): Promise<number>;
  set(key: string, value: string, px: 'PX', milliseconds: number, nx: 'NX'): Promise<'OK' | null>;
  eval(script: string, keyCount: number, ...args: string[]): Promise<unknown>;
  evalsha(sha: string, keyCount: number, ...args: string[]): Promise<unknown>;
  once(event: 'ready' | 'error' | 'close' | 'end', listener: (error?: Error) => void): unknown;
  off(event: 'ready' | 'error' | 'close' | 'end', listener: (error?: Error) => void): unknown;
  disconnect(): void;
}

/**
 * Opens a connection that fails fast: a command is sent now or refused now. Queued or repeated
 * commands would arrive after an invalidation that they should have come before.
 */
export function openRedis(url: string, onError: (error: Error) => void): RedisClient {
  const client = new Redis(url, {
    enableOfflineQueue: false,
    // The commands of one tick leave in one write to the socket.
    enableAutoPipelining: true,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 2_000,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 1_000),
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  client.on('error', onError);
  return client;
}

/** Resolves when the client can take commands, or when `timeoutMs` is over: true or false. */
export function redisReady(client: RedisClient, timeoutMs: number): Promise<boolean> {
  if (client.status === 'ready') return Promise.resolve(true);
  return new Promise((resolve) => {
    const onReady = () => {
      clearTimeout(timer);
      resolve(true);
    };
    const timer = setTimeout(() => {
      client.off('ready', onReady);
      resolve(false);
    }, timeoutMs);
    client.once('ready', onReady);
  });
}
