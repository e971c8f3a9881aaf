/**
 * What a server is doing, as far as its handle knows.
 *
 * - `starting`: started, does not answer yet.
 * - `running`: it answered.
 * - `paused`: frozen by `pause()`; connections stay open and nothing answers.
 * - `killed`: ended by `kill()`; `restart()` brings it back with its data.
 * - `stopped`: ended in good order by `stop()`.
 * - `crashed`: a server process ended by itself (seen with the process provider only).
 *
 * @see {@link LocalServer}
 */
export type ServerState = 'starting' | 'running' | 'paused' | 'killed' | 'stopped' | 'crashed';

/**
 * One real server of a local cluster, and the faults it can be given.
 *
 * @example
 * const server: LocalServer = cluster.shards['eu-1'].primary;
 * await server.pause();
 * await server.resume();
 */
export interface LocalServer {
  /** `eu-1`, `eu-1-replica-1`, `redis`. */
  readonly name: string;
  /** Always a loopback address. */
  readonly host: string;
  /** Kept for the life of the cluster, restarts included. */
  readonly port: number;
  /** What an application connects to, credentials included. */
  readonly url: string;
  /** The process id while a process runs; `undefined` in a container. */
  readonly pid: number | undefined;
  readonly state: ServerState;

  /**
   * Ends the server at once (`SIGKILL`), as a crash would, and resolves when it is gone. What it
   * acknowledged before is still there after `restart()`. Does nothing when it is not running.
   */
  kill(): Promise<void>;

  /**
   * Freezes the server (`SIGSTOP`): its port still accepts and its connections stay open, but
   * nothing answers.
   *
   * @throws TestingError when the server is not running.
   */
  pause(): Promise<void>;

  /**
   * Lets a paused server run on. Does nothing when it is running.
   *
   * @throws TestingError when the server is neither paused nor running.
   */
  resume(): Promise<void>;

  /**
   * Starts the server again on its port with its data: after stopping it in good order if it
   * runs, from its files if it was killed. Resolves when it answers.
   *
   * @throws TestingError when it does not answer within the cluster's `startTimeoutMs`.
   */
  restart(): Promise<void>;

  /** Shuts the server down in good order and resolves when it is gone. Its data stays. */
  stop(): Promise<void>;
}

/**
 * A MariaDB or MySQL server of a local cluster.
 *
 * @example
 * const { adminUrl }: MysqlServer = cluster.shards['eu-1'].primary;
 */
export interface MysqlServer extends LocalServer {
  /** The cluster's database as a user with all privileges: for preparing and inspecting. */
  readonly adminUrl: string;
}

/**
 * What a Redis server is at the moment.
 *
 * @see {@link RedisServer}
 */
export type RedisRole = 'master' | 'replica' | 'sentinel';

/**
 * A Redis server, or a Sentinel that watches over Redis servers.
 *
 * @example
 * const server: RedisServer = cluster.redis;
 * await server.role(); // 'master'
 */
export interface RedisServer extends LocalServer {
  readonly kind: 'redis' | 'sentinel';

  /**
   * Asks the server what it is; a failover changes it.
   *
   * @throws TestingError when the server does not answer within a second.
   */
  role(): Promise<RedisRole>;
}

/**
 * The servers of one shard.
 *
 * @see {@link LocalCluster}
 */
export interface LocalShard {
  readonly name: string;
  readonly primary: MysqlServer;
  /** Read-only servers that follow the primary by GTID. */
  readonly replicas: readonly MysqlServer[];
}
