import { ConfigError, defineTable } from 'meridian';
import { type CacheOptions, createCache } from 'meridian/cache';
import { createGuard, type GuardOptions } from 'meridian/resilience';
import { expect, it } from 'vitest';
import { z } from 'zod';

const users = {
  name: 'users',
  keyspace: 'people',
  primaryKey: 'id',
  schema: z.object({ id: z.uuid(), country: z.string() }),
};
const addresses = { ...users, name: 'addresses', keyspace: undefined };
const define = (definition: unknown) =>
  defineTable(definition as Parameters<typeof defineTable>[0]);

it.each<[title: string, definition: unknown, path: string, message: RegExp]>([
  ['no object', undefined, '', /must be an object/],
  ['no keyspace', { ...users, keyspace: undefined }, 'keyspace', /is missing: name the keyspace/],
  ['a keyspace that is no name', { ...users, keyspace: 3 }, 'keyspace', /name in quotes/],
  ['no name', { ...users, name: undefined }, 'name', /is missing/],
  [
    'a group by name',
    { ...addresses, group: 'users', ownerKey: 'id' },
    'group',
    /group: users, not group: 'users'/,
  ],
  ['an owner key without a group', { ...addresses, ownerKey: 'id' }, 'group', /is missing/],
  ['a composite key', { ...users, primaryKey: ['id', 'country'] }, 'primaryKey', /one column/],
  ['a shard key of several', { ...users, shardKey: ['id'] }, 'shardKey', /one column/],
  ['a cache that is only on', { ...users, cache: true }, 'cache', /\{ ttlMs: 60_000 \}/],
  ['a misspelt part', { ...users, cahce: { ttlMs: 1 } }, 'cahce', /did you mean 'cache'/],
  ['an unknown part', { ...users, timestamps: true }, 'timestamps', /known: name, schema/],
  ['a place that is no function', { ...users, place: 'DE' }, 'place', /function of the row/],
  ['columns as a list', { ...users, columns: ['id'] }, 'columns', /must be an object/],
  ['lookups as a list', { ...users, lookups: ['phone'] }, 'lookups', /unique: true/],
  ['another reference', { ...users, reference: 'yes' }, 'reference', /must be true/],
  [
    'a member of a keyspace of its own',
    { ...users, group: define(users), ownerKey: 'id' },
    'keyspace',
    /is no part/,
  ],
])('%s is refused where it is defined', (_, definition, path, message) => {
  expect(() => define(definition)).toThrow(ConfigError);
  try {
    define(definition);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problem = error.problems.find((one) => one.path === path);
    expect(problem?.message).toMatch(message);
  }
});

it('parts that are undefined count for left out', () => {
  const table = define({ ...users, cache: undefined, group: undefined, reference: undefined });
  expect(table).toMatchObject({ name: 'users', keyspace: 'people', shardKey: 'id' });
});

it('guards and caches without options are refused as ones with wrong options are', () => {
  const none: unknown = null;
  const all = [
    () => createGuard('inventory', none as GuardOptions),
    () => createGuard('inventory', 'fast' as GuardOptions),
    () => createGuard(none as string),
    () => createCache(none as CacheOptions<string>),
  ];
  for (const make of all) expect(make).toThrow(ConfigError);
});
