import { ConfigError } from 'meridian';
import { createCache } from 'meridian/cache';
import { expect, it } from 'vitest';

const given: readonly (readonly [string, unknown, string])[] = [
  ['an object of options', { url: 'redis://localhost' }, 'an object of options'],
  ["a client of the package 'redis'", { mGet() {}, duplicate() {} }, "package 'redis'"],
  ['a number', 6379, 'no Redis'],
  ['an empty text', '', 'redis://host:6379'],
  ['a host', 'localhost:6379', 'redis://host:6379'],
  ['undefined', undefined, 'undefined'],
  ['true', true, 'no Redis'],
  ['a list', ['redis://localhost'], 'no Redis'],
];

it.each(given)('C10: createCache refuses %s as a Redis', (_, redis, message) => {
  // As JavaScript may give it, where no type says that it is wrong.
  const options = Object.assign({ redis: false, namespace: 'n', ttlMs: 1 } as const, { redis });
  const failure = (() => {
    try {
      Reflect.apply(createCache, undefined, [options]);
    } catch (error) {
      return error;
    }
  })();
  expect(failure).toBeInstanceOf(ConfigError);
  expect(failure).toMatchObject({ problems: [{ path: 'redis' }] });
  expect(failure).toHaveProperty('message', expect.stringContaining(message));
});
