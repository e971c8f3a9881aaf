import type { Problem } from '../errors/config-error.ts';
import { isThisMachine } from '../tls/this-machine.ts';

/** Whether something is an ioredis client, as far as can be seen: it has what is needed to connect. */
export function isIoredis(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { duplicate, mget, status }: { duplicate?: unknown; mget?: unknown; status?: unknown } =
    value;
  return (
    typeof duplicate === 'function' && typeof mget === 'function' && typeof status === 'string'
  );
}

/**
 * Reports what is given as a Redis and is none. Undefined is refused: a variable that is not set must not
 * silently switch the cache off.
 */
export function checkRedis(redis: unknown, path: string, problems: Problem[]): void {
  if (redis === false || isIoredis(redis)) return;
  if (typeof redis !== 'string') {
    const given = redis === undefined ? 'undefined' : whatIsGiven(redis);
    problems.push({
      path,
      message: `is ${given}; give a redis:// URL, an ioredis client, or false for memory only`,
    });
  } else {
    const message = whatIsWrongWith(redis);
    if (message !== undefined) problems.push({ path, message });
  }
}

function whatIsWrongWith(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^rediss?:$/.test(url.protocol)) {
    return 'is not a URL such as redis://host:6379';
  }
  const said = url.searchParams.getAll('tls');
  if (said.some((mode) => mode !== 'off'))
    return 'has an unknown tls mode; write rediss:// for TLS, or ?tls=off';
  if (url.protocol === 'rediss:')
    return said.length > 0 ? 'is rediss:// and says tls=off' : undefined;
  if (said.length > 0 || isThisMachine(url.hostname)) return undefined;
  return 'leads to another machine in plain text; write rediss://, or ?tls=off where nobody can listen between';
}

/** The URL as ioredis is to have it, which would take `tls` for an option of its own. */
export function redisUrl(text: string): string {
  const url = new URL(text);
  if (!url.searchParams.has('tls')) return text;
  url.searchParams.delete('tls');
  return url.href;
}

function whatIsGiven(redis: unknown): string {
  if (typeof redis !== 'object' || redis === null) return 'no Redis';
  // The package `redis` spells its commands like this.
  if ('mGet' in redis) return "a client of the package 'redis', whose connections can't be had";
  return 'url' in redis || 'host' in redis ? 'an object of options' : 'no Redis';
}
