import { defineTable } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { RefusedOptions } from '../../support/judges/refusal.ts';

let refused: RefusedOptions;

beforeAll(async () => {
  refused = await RefusedOptions.listen();
});

afterAll(() => refused.close());

const table = 'tables/transactions';
const keys = ['a key of sixteen bytes'];
const unique = { unique: true };

/** What is changed in the options, what to, where the problem is, and what it says. */
const mistakes: [at: string, to: unknown, path: string, message: RegExp][] = [
  ['sytemTables', 'create', '', /did you mean 'systemTables'/],
  ['systemTables', 'maybe', 'systemTables', /./],
  ['pool', { conections: 1 }, 'pool', /did you mean 'connections'/],
  ['pool', { connections: 0 }, 'pool.connections', /./],
  ['timeoutMs', 0, 'timeoutMs', /./],
  ['timeoutMs', 2 ** 31, 'timeoutMs', /./],
  ['retry', { attempts: 1.5 }, 'retry.attempts', /./],
  ['cache', { namespace: 'a b' }, 'cache.namespace', /./],
  ['observers', ['x'], 'observers.0', /must be a function/],
  ['locateIp', { get: () => null }, 'locateIp', /maxmindLocator/],
  ['locateIP', () => undefined, '', /did you mean 'locateIp'/],
  ['redis', undefined, 'redis', /undefined/],
  ['redis', null, 'redis', /no Redis/],
  ['redis', 'localhost', 'redis', /redis:\/\//],
  ['redis', 'http://:hunter2@h', 'redis', /redis:\/\//],
  ['redis', {}, 'region', /is missing: with a Redis for each region/],
  ['redis', [], 'redis', /no Redis/],
  ['redis', { ue: 'redis://h' }, 'redis.ue', /has no region 'ue'/],
  ['redis', { eu: 'http://:hunter2@h' }, 'redis.eu', /redis:\/\//],
  ['redis', { eu: undefined }, 'redis.eu', /undefined/],
  ['redis', { eu: 'redis://h', us: 'redis://h' }, 'redis.us', /same as redis.eu/],
  ['service', 'a b', 'service', /no space/],
  ['region', 'usa', 'region', /did you mean 'us'/],
  ['topology', undefined, 'topology', /is missing/],
  ['tables', undefined, 'tables', /is missing/],
  ['tables', 'users', 'tables', /object of tables by name/],
  ['tables', [], 'tables', /object of tables by name/],
  ['tables/nothing', { name: 'nothing' }, 'tables.nothing', /defineTable/],
  [
    'tables/plain',
    { name: 'plain', keyspace: 'ledger', primaryKey: 'id', schema: z.object({ id: z.uuid() }) },
    'tables.plain',
    /plain object; hand it to defineTable/,
  ],
  [`${table}/schema`, { id: z.uuid() }, 'tables.transactions.schema', /must be a z\.object/],
  ['debugErrors', 'yes', 'debugErrors', /./],
  ['tables/nothing', undefined, 'tables.nothing', /defineTable/],
  [`${table}/keyspace`, 'legder', 'tables.transactions.keyspace', /did you mean 'ledger'/],
  [`${table}/keyspace`, 'people', 'tables.transactions.place', /is missing/],
  [`${table}/place`, () => ({}), 'tables.transactions.place', /by hash/],
  [`${table}/primaryKey`, 'di', 'tables.transactions.primaryKey', /no column 'di'/],
  [`${table}/shardKey`, 'cent', 'tables.transactions.shardKey', /did you mean 'cents'/],
  [`${table}/cache`, true, 'tables.transactions.cache', /ttlMs: 60_000/],
  [`${table}/cahce`, {}, 'tables.transactions.cahce', /mean 'cache'/],
  [`${table}/keyspace`, null, 'tables.transactions.keyspace', /name in quotes/],
  [`${table}/group`, 'users', 'tables.transactions.group', /table of the owners itself/],
  [`${table}/primaryKey`, ['id', 'cents'], 'tables.transactions.primaryKey', /one column/],
  [`${table}/columns`, { cnets: 'json' }, 'tables.transactions.columns.cnets', /mean 'cents'/],
  [`${table}/columns`, { cents: 'bytes' }, 'tables.transactions.columns.cents', /codec 'bytes'/],
  [`${table}/columns`, { cents: 'bits' }, 'tables.transactions.columns.cents', /unknown codec/],
  [`${table}/columns`, { cents: null }, 'tables.transactions.columns.cents', /must name a codec/],
  [`${table}/columns`, { toString: 'json' }, 'tables.transactions.columns.toString', /no column/],
  ['directory', { keyspace: 'legder', keys }, 'directory.keyspace', /did you mean 'ledger'/],
  ['directory', { keyspace: 'people', keys }, 'directory.keyspace', /needs a hash keyspace/],
  ['directory', { keyspace: 'ledger', keys: ['hunter2'] }, 'directory.keys.0', /16 bytes/],
  ['directory', { keyspace: 'ledger', keys: [...keys, ...keys] }, 'directory.keys', /twice/],
  ['directory', { keyspace: 'ledger', key: 'x' }, 'directory', /did you mean 'keys'/],
  ['directory', { keyspace: 'ledger', sweepMs: -1 }, 'directory.sweepMs', /./],
  ['directory', { keyspace: 'ledger', sweepMs: 2 ** 31 - 1 }, 'directory.sweepMs', /./],
  [`${table}/lookups`, { cnets: { unique: true } }, 'tables.transactions.lookups.cnets', /'cents'/],
  [`${table}/lookups`, { cents: {} }, 'tables.transactions.lookups.cents.unique', /must be true/],
  [`${table}/lookups`, { cents: unique }, 'tables.transactions.lookups', /option directory/],
  [`${table}/lookups`, { id: unique }, 'tables.transactions.lookups.id', /is the primary key/],
  [
    `${table}/lookups`,
    { cents: { ...unique, normalise: 1 } },
    'tables.transactions.lookups.cents.normalise',
    /did you mean 'normalize'/,
  ],
  [`${table}/cache`, { ttlmS: 1 }, 'tables.transactions.cache', /did you mean 'ttlMs'/],
  [`${table}/cache`, { ttlMs: 0 }, 'tables.transactions.cache.ttlMs', /from 1/],
];

it.each(mistakes)('%s can not be %j', async (at, to, path, message) => {
  const { problems } = await refused.refusal(refused.spoilt({ [at]: to }));
  const found = problems.filter((problem) => problem.path.startsWith(path));
  expect(found.map((problem) => problem.message).join(), JSON.stringify(problems)).toMatch(message);
});

it.each([
  'admin',
  'tables',
  'close',
  'directory',
  'guard',
  'then',
  'session',
  'toJSON',
  'query',
  'execute',
  'constructor',
])('a table can not be named %s', async (label) => {
  const options = refused.good();
  const { tables } = options;
  const { problems } = await refused.refusal({
    ...options,
    tables: { [label]: Reflect.get(Object(tables), 'transactions') },
  });
  expect(problems.map(({ path }) => path)).toContain(`tables.${label}`);
});

it('personal values need a secret key, others do not', async () => {
  const lookups = { cents: { unique: true } };
  const spoilt = refused.spoilt({
    [`${table}/lookups`]: lookups,
    directory: { keyspace: 'ledger' },
  });
  const { problems } = await refused.refusal(spoilt);
  expect(problems).toEqual([
    { path: 'tables.transactions.lookups.cents', message: expect.stringMatching(/directory.keys/) },
  ]);
});

it('a value of a strict region is not stored readably elsewhere', async () => {
  const options = refused.spoilt({
    'topology/regions/eu/residency': 'strict',
    directory: { keyspace: 'ledger', keys },
  });
  const people = defineTable({
    name: 'users',
    keyspace: 'people',
    primaryKey: 'id',
    place: () => ({ country: 'DE' }),
    schema: z.object({ id: z.uuid(), phone: z.string() }),
    lookups: { phone: { unique: true, personal: false } },
  });
  const { problems } = await refused.refusal({ ...options, tables: { people } });
  expect(problems.map(({ path }) => path)).toContain('tables.people.lookups.phone.personal');
});

it('a process that reads a Redis of its region must have one there', async () => {
  const { problems } = await refused.refusal(
    refused.spoilt({ redis: { eu: 'rediss://h' }, region: 'us' }),
  );
  expect(problems).toEqual([
    { path: 'redis', message: expect.stringMatching(/none for 'us', where this process runs/) },
  ]);
});

it('where rows of a strict region are cached, a process must say where it runs', async () => {
  const strict = { 'topology/regions/eu/residency': 'strict' };
  const cached = { ...strict, [`${table}/cache`]: { ttlMs: 1_000 } };
  const { problems } = await refused.refusal(refused.spoilt(cached));
  expect(problems).toEqual([
    { path: 'region', message: expect.stringMatching(/tables.transactions is cached.*'eu'/) },
  ]);
});

it('one table can not have two names: they would not hear of each other’s writes', async () => {
  const options = refused.good();
  const transactions: unknown = Reflect.get(Object(options.tables), 'transactions');
  const { problems } = await refused.refusal({
    ...options,
    tables: { transactions, copies: transactions },
  });
  expect(problems.map(({ path }) => path)).toEqual(['tables.copies']);
});

it('all mistakes come in one error, each with its path', async () => {
  const error = await refused.refusal(
    refused.spoilt({
      'topology/shards/eu-1/region': 'ue',
      'topology/shards/tx-1/weight': 0,
      'topology/regions/us/code': 1,
      redis: undefined,
      pool: { connections: 0 },
    }),
  );
  const paths = ['shards.eu-1.region', 'shards.tx-1.weight', 'regions.us.code', 'redis'];
  for (const path of [...paths, 'pool.connections']) {
    expect(error.problems.map((problem) => problem.path)).toContain(path);
    expect(error.message).toContain(`${path}: `);
  }
});

it('ids of another version can not carry the slot of a shard key', async () => {
  const { problems } = await refused.refusal(
    refused.spoilt({
      [`${table}/schema`]: z.object({ id: z.uuidv4(), account_id: z.string(), cents: z.bigint() }),
      [`${table}/shardKey`]: 'account_id',
    }),
  );
  expect(problems).toEqual([
    {
      path: 'tables.transactions.primaryKey',
      message: expect.stringMatching(/refuses UUIDs of version 7/),
    },
  ]);
});
