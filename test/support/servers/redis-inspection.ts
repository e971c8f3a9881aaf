import { Redis } from 'ioredis';
import { until } from './until.ts';

/** The Redis of a seat: empties it for a file, and tells what the file changed of it. */
export class RedisInspection {
  readonly #url: string;
  readonly #settings: ReadonlyMap<string, string>;

  private constructor(url: string, settings: ReadonlyMap<string, string>) {
    this.#url = url;
    this.#settings = settings;
  }

  static begin(url: string): Promise<RedisInspection> {
    return connected(url, async (redis) => new RedisInspection(url, await settingsOf(redis)));
  }

  empty(): Promise<void> {
    return connected(this.#url, async (redis) => {
      await redis.flushall();
      await redis.script('FLUSH');
      await redis.config('RESETSTAT');
    });
  }

  differences(): Promise<string[]> {
    return connected(this.#url, async (redis) => {
      const left = await until(
        () => clientsOf(redis),
        (clients) => clients.length === 0,
      );
      const settings = await settingsOf(redis);
      const changed = [...this.#settings].filter(([key, value]) => settings.get(key) !== value);
      return [
        ...left.map((client) => `redis: a connection is left open: ${client}`),
        ...changed.map(([key, value]) => `redis: ${key} is ${settings.get(key)}, and was ${value}`),
      ];
    });
  }
}

async function connected<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Settings, and the users with their rights. */
async function settingsOf(redis: Redis): Promise<Map<string, string>> {
  const settings = new Map<string, string>();
  const list = await redis.config('GET', '*');
  if (!Array.isArray(list)) throw new TypeError('CONFIG GET answers with a list');
  for (let at = 0; at < list.length; at += 2) settings.set(String(list[at]), String(list[at + 1]));
  settings.set('acl', String(await redis.call('ACL', 'LIST')));
  return settings;
}

async function clientsOf(redis: Redis): Promise<string[]> {
  const own = await redis.client('ID');
  const list = String(await redis.client('LIST'));
  return list
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(`id=${own} `))
    .map((line) => line.replace(/ (fd|age|idle|qbuf|argv-mem|tot-mem|obl)=\S*/g, ''));
}
