import type { Problem } from '../errors/config-error.ts';

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
  } else if (!URL.canParse(redis) || !/^rediss?:$/.test(new URL(redis).protocol)) {
    problems.push({ path, message: 'is not a URL such as redis://host:6379' });
  }
}

function whatIsGiven(redis: unknown): string {
  if (typeof redis !== 'object' || redis === null) return 'no Redis';
  // The package `redis` spells its commands like this.
  if ('mGet' in redis) return "a client of the package 'redis', whose connections can't be had";
  return 'url' in redis || 'host' in redis ? 'an object of options' : 'no Redis';
}
