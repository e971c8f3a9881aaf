import type { GivenRedis } from '../cache/redis/redis-regions.ts';
import type {
  BreakerOptions,
  CacheTierOptions,
  IdempotencyOptions,
  PoolOptions,
  RetryOptions,
} from '../config/data-layer-config.ts';
import type { DirectoryOptions } from '../config/directory-options.ts';
import type { ServerTlsOptions } from '../config/tls-settings.ts';
import type { TopologyDocument } from '../config/topology-document.ts';
import type { CredentialsOf } from '../execution/endpoints.ts';
import type { Observer } from '../observability/events.ts';
import type { Logger } from '../observability/pino-observer.ts';
import type { ReservedName } from '../rows/schema/reserved-names.ts';
import type { Tables } from '../rows/schema/row-types.ts';
import type { IpLocator } from '../sharding/places/locate-place.ts';
import type { TopologySource } from '../topology/sources/topology-source.ts';

/**
 * What a data layer is made of. Every option is checked before anything is opened.
 *
 * @example
 * const options: DataLayerOptions<typeof tables> = {
 *   topology: fileTopology('topology.json'),
 *   region: 'eu',
 *   tables,
 *   redis: process.env.REDIS_URL ?? false,
 *   timeoutMs: 2_000,
 * };
 */
export interface DataLayerOptions<T extends Tables> {
  /**
   * A JSON file's path, a document, or a source such as `fileTopology('topology.json')`. What a source tells of
   * changes is followed while the data layer runs: `topology()` says how far.
   */
  topology: string | TopologyDocument | TopologySource;
  /**
   * The region this process runs in, and its Redis if there is one for all. Must be given where rows
   * of a strict region are cached, or Redis is given per region.
   */
  region?: string;
  /** Who is named in the audit trail. Default: `hostname:pid`. */
  service?: string;
  /** The tables, by the name under which the data layer offers them. */
  tables: T & { readonly [Name in ReservedName]?: never };
  /**
   * A `redis://` URL, an ioredis client of yours, either of them for each region by name, or `false`:
   * the cache is memory only.
   */
  redis: GivenRedis;
  /**
   * Tells where the address of a place (`{ ip }`) is: `maxmindLocator(reader)` of
   * `meridian/sharding`, or a function of yours. Default: none, and a place with an `ip` is refused.
   */
  locateIp?: IpLocator;
  /**
   * `create` lets the data layer record in each shard's database which shard it is; `verify` only
   * reads it, and the error prints the DDL. Default `verify`.
   */
  systemTables?: 'create' | 'verify';
  /**
   * What becomes of a UNIQUE index that holds on each shard only, because it has neither the key that
   * places the row nor a lookup: `warn` is an event and a line of the log, `refuse` a ConfigError.
   * Default `warn`.
   */
  uniqueAcrossShards?: 'warn' | 'refuse';
  /** Milliseconds for a call that names none. Default 5,000. */
  timeoutMs?: number;
  /**
   * Milliseconds for the start: for databases to come up, and for the checks. Default 30,000. When it is
   * over, an UnavailableError names every shard that is down, with its region, address and reason.
   */
  startupTimeoutMs?: number;
  /**
   * `strict`: starts when the primary of every shard is up and was verified. `lazy`: starts when one of
   * each keyspace that has tables is; calls to the others fail with an UnavailableError until they
   * are up and were verified, and those that turn out wrong are refused. Default `strict`.
   */
  startup?: 'strict' | 'lazy';
  /**
   * Gives user and password in place of those of the URLs, each time a connection is opened, and once more when a server has
   * refused them: a password that rotates fails no call while both are valid. It may take `pool.connectTimeoutMs`, with all
   * else of an opening. Default: those of the URLs.
   */
  credentials?: CredentialsOf;
  /**
   * A file in which the document in force is kept, as its source gave it and readable by this user only, for a start
   * while the source can't be had. Default: none is kept.
   */
  keepLastGood?: string;
  /**
   * Milliseconds for which calls that began on the topology before may go on, on servers to which the new one leads
   * no more; then they are cut off. Default 30,000.
   */
  drainMs?: number;
  /** Ends the startup when it fires: nothing stays open. Afterwards `close()` ends the data layer. */
  signal?: AbortSignal;
  /**
   * Whose certificates are believed, and which are shown, as PEM text or by path; files are read anew when they
   * were replaced. Default: the authorities of Node, no certificate, TLS 1.3 at least.
   */
  tls?: ServerTlsOptions;
  pool?: PoolOptions;
  retry?: RetryOptions;
  breaker?: BreakerOptions;
  cache?: CacheTierOptions;
  /** How long the keys of operations that may be repeated are remembered. */
  idempotency?: IdempotencyOptions;
  /** Where unique values are kept. Must be given when a table has `lookups`. */
  directory?: DirectoryOptions;
  /** A pino logger, or `false` for none. Default: warnings and worse to standard error. */
  logger?: Logger | false;
  /**
   * `true` puts a server's own text into errors, events and the log: where a syntax error is ("near …"),
   * which value does not fit. It quotes statements, values and rows, so it is for your own machine.
   * Default `false`.
   */
  debugErrors?: boolean;
  /** Are told of every event. */
  observers?: Observer[];
}
