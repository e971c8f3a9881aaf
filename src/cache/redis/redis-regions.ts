import { isIoredis } from '../../config/given-redis.ts';
import type { Problem } from '../../errors/config-error.ts';
import type { Observer } from '../../observability/events.ts';
import type { Deadline } from '../../resilience/time/deadline.ts';
import { within } from '../../resilience/time/within.ts';
import type { Certificates } from '../../tls/certificates.ts';
import { openLinks } from './links/open-links.ts';
import { type RedisClient, templateOf } from './links/redis-client.ts';
import type { RedisLinks } from './links/redis-links.ts';
import type { RedisIdentity } from './redis-identity.ts';
import { RedisStore } from './redis-store.ts';

/** A Redis, one for each region by the region's name, or none. */
export type GivenRedis =
  | string
  | RedisClient
  | false
  | Readonly<Record<string, string | RedisClient>>;

/** The Redis that this process reads and fills, and those that only hear of its invalidations. */
export interface RedisStores {
  readonly own: RedisStore;
  readonly others: readonly RedisStore[];
}

export interface RedisRegionsConfig {
  /** Where this process runs. */
  readonly region: string | undefined;
  readonly commandTimeoutMs: number;
  /** Like `commandTimeoutMs`, for the Redis of another region. */
  readonly farTimeoutMs: number;
  /** Milliseconds within which this process hears what others invalidate. */
  readonly maxGapMs: number;
  readonly leaseMs: number;
  readonly maxEntryBytes: number;
  readonly maxPendingInvalidations: number;
  /** Of those that are given as `rediss://`. */
  readonly certificates?: Certificates | undefined;
  /** Which Redis must be that of a region, or that of all; undefined: any will do. */
  readonly identityOf?: ((region: string | undefined) => RedisIdentity) | undefined;
}

interface Member {
  readonly name: string;
  readonly links: RedisLinks;
  readonly store: RedisStore;
  readonly isOwn: boolean;
  readonly identity: RedisIdentity | undefined;
}

/** The Redis of all regions. */
export class RedisRegions {
  /** Undefined: the cache is memory only. */
  readonly stores: RedisStores | undefined;
  readonly #members: readonly Member[];
  readonly #patienceMs: number;
  readonly #observe: Observer;

  constructor(given: GivenRedis, config: RedisRegionsConfig, observe: Observer) {
    this.#patienceMs = config.maxGapMs + 10 * config.commandTimeoutMs;
    this.#observe = observe;
    this.#members = given === false ? [] : membersOf(given, config, observe);
    const own = this.#members.find(({ isOwn }) => isOwn);
    const others = this.#members.filter(({ isOwn }) => !isOwn).map(({ store }) => store);
    this.stores = own && { own: own.store, others };
  }

  /**
   * A cache that is down must not keep the service from starting; it is told, and goes on without.
   *
   * @throws the deadline's reason when it ends the start.
   */
  async ready(starting: Deadline): Promise<void> {
    await within(this.#patienceMs, starting, (patience) =>
      Promise.all(
        this.#members.map(async ({ name, links }) => {
          if (await links.ready(patience)) return;
          if (starting.reason !== undefined) throw starting.reason;
          const message = `${name} is not ready; starting without it`;
          this.#observe({ type: 'cache-fault', operation: 'connection', message });
        }),
      ),
    );
  }

  /** Those that are not the Redis of other services, by where the options name them. */
  refusals(): Problem[] {
    return this.#members.flatMap(({ name, links, identity }) =>
      identity?.refusal === undefined || links.isUp
        ? []
        : [{ path: name.replace('/', '.'), message: identity.refusal }],
    );
  }

  /** Whether each Redis is used, by its region; `redis` where one is for all. No I/O. */
  states(): Readonly<Record<string, 'up' | 'down'>> {
    return Object.fromEntries(
      this.#members.map(({ name, links }) => [
        name.replace(/^redis\//, ''),
        links.isUp ? 'up' : 'down',
      ]),
    );
  }

  close(): void {
    for (const { links } of this.#members) links.close();
  }
}

function membersOf(
  given: Exclude<GivenRedis, false>,
  {
    region,
    commandTimeoutMs,
    farTimeoutMs,
    identityOf,
    certificates,
    ...limits
  }: RedisRegionsConfig,
  observe: Observer,
): Member[] {
  const member = (redis: string | RedisClient, of: string | undefined): Member => {
    const isOwn = of === undefined || of === region;
    const name = of === undefined ? 'redis' : `redis/${of}`;
    const timeoutMs = isOwn ? commandTimeoutMs : farTimeoutMs;
    const identity = identityOf?.(of);
    const { maxGapMs } = limits;
    const config = { name, maxGapMs, commandTimeoutMs: timeoutMs, identity };
    const client = typeof redis === 'string' ? templateOf(redis, certificates) : redis;
    const links = openLinks(client, config, observe);
    return { name, links, store: new RedisStore(links, limits), isOwn, identity };
  };
  if (!isPerRegion(given)) return [member(given, undefined)];
  return Object.entries(given).map(([name, redis]) => member(redis, name));
}

/** Whether what was given is one Redis for each region. */
export function isPerRegion(
  given: GivenRedis,
): given is Readonly<Record<string, string | RedisClient>> {
  return typeof given === 'object' && given !== null && !Array.isArray(given) && !isIoredis(given);
}
