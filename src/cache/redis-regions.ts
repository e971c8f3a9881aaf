import type { Observer } from '../observability/events.ts';
import { openRedis, type RedisClient, redisReady } from './redis-client.ts';
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
}

/** The Redis of all regions. Closes what it opened itself. */
export class RedisRegions {
  /** Undefined: the cache is memory only. */
  readonly stores: RedisStores | undefined;
  readonly #members: readonly Member[];
  readonly #patienceMs: number;
  readonly #observe: Observer;

  constructor(given: GivenRedis, config: RedisRegionsConfig, observe: Observer) {
    this.#patienceMs = 10 * config.commandTimeoutMs;
    this.#observe = observe;
    this.#members = given === false ? [] : membersOf(given, config, observe);
    const own = this.#members.find(({ isOwn }) => isOwn);
    const others = this.#members.filter(({ isOwn }) => !isOwn).map(({ store }) => store);
    this.stores = own && { own: own.store, others };
  }

  /** A cache that is down must not keep the service from starting; it is told, and goes on without. */
  async ready(): Promise<void> {
    await Promise.all(
      this.#members.map(async ({ name, client }) => {
        if (await redisReady(client, this.#patienceMs)) return;
        const message = `${name} is not ready; starting without it`;
        this.#observe({ type: 'cache-fault', operation: 'connection', message });
      }),
    );
  }

  close(): void {
    for (const { client, isOpened } of this.#members) if (isOpened) client.disconnect();
  }
}

interface Member {
  readonly name: string;
  readonly client: RedisClient;
  readonly store: RedisStore;
  readonly isOwn: boolean;
  /** The client is ours to close. */
  readonly isOpened: boolean;
}

function membersOf(
  given: Exclude<GivenRedis, false>,
  { region, commandTimeoutMs, farTimeoutMs }: RedisRegionsConfig,
  observe: Observer,
): Member[] {
  const member = (name: string, redis: string | RedisClient, isOwn: boolean): Member => {
    const isOpened = typeof redis === 'string';
    const client = isOpened
      ? openRedis(redis, ({ message }) =>
          observe({ type: 'cache-fault', operation: 'connection', message }),
        )
      : redis;
    const limits = { commandTimeoutMs: isOwn ? commandTimeoutMs : farTimeoutMs, leaseMs: 10_000 };
    const store = new RedisStore(client, { name, ...limits }, observe);
    return { name, client, store, isOwn, isOpened };
  };
  if (!isPerRegion(given)) return [member('redis', given, true)];
  return Object.entries(given).map(([name, redis]) =>
    member(`redis/${name}`, redis, name === region),
  );
}

/** Whether what was given is one Redis for each region. */
export function isPerRegion(
  given: GivenRedis,
): given is Readonly<Record<string, string | RedisClient>> {
  return (
    typeof given === 'object' && given !== null && !Array.isArray(given) && !isRedisClient(given)
  );
}

function isRedisClient(given: object): given is RedisClient {
  return 'mget' in given && typeof given.mget === 'function';
}
