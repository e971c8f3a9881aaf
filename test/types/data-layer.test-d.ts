import {
  createDataLayer,
  type DataLayer,
  type DataLayerOptions,
  type Health,
  type MeridianEvent,
  type Session,
  type TopologyDocument,
  type WriteResult,
} from 'meridian';
import type { RedisClient } from 'meridian/cache';
import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { tables } from '../support/tables.ts';

declare const data: DataLayer<typeof tables>;
declare const options: DataLayerOptions<typeof tables>;
declare const client: RedisClient;
declare const topology: TopologyDocument;

describe('reading', () => {
  test('gives readonly rows, or null', async () => {
    const row = await data.users.get('id');
    expectTypeOf(row).toEqualTypeOf<Readonly<{
      id: string;
      country: string;
      name: string;
    }> | null>();
    // @ts-expect-error rows are shared, so they are readonly
    if (row) row.name = 'x';
    const rows = await data.transactions.getMany(['id']);
    expectTypeOf(rows[0]?.cents).toEqualTypeOf<bigint | undefined>();
  });

  test('takes keys of the right type only', () => {
    // @ts-expect-error the key is text
    data.users.get(42);
    // @ts-expect-error the keys are text
    data.users.getMany([42n]);
    // @ts-expect-error there is no such consistency
    data.users.get('id', { consistency: 'eventual' });
    // @ts-expect-error there is no such option
    data.users.get('id', { timeout: 5 });
    // @ts-expect-error there is no such table
    data.user.get('id');
  });
});

describe('writing', () => {
  test('makes ids that are left out, and takes those that are given', () => {
    data.users.insert({ country: 'DE', name: 'Ada' });
    data.users.insert({ id: 'id', country: 'DE', name: 'Ada' });
    // @ts-expect-error a name is missing
    data.users.insert({ country: 'DE' });
    // @ts-expect-error there is no such column
    data.users.insert({ country: 'DE', name: 'Ada', age: 1 });
    // @ts-expect-error a bigint is wanted
    data.transactions.insert({ account_id: 'a', cents: 1 });
    // @ts-expect-error a list is wanted
    data.users.insertMany({ country: 'DE', name: 'Ada' });
  });

  test('does not change keys', () => {
    expectTypeOf(data.users.update('id', { name: 'x' })).resolves.toEqualTypeOf<WriteResult>();
    // @ts-expect-error the primary key places the row
    data.users.update('id', { id: 'x' });
    // @ts-expect-error the shard key places the row
    data.transactions.update('id', { account_id: 'x' });
    // @ts-expect-error a name is text
    data.users.update('id', { name: 1 });
  });

  test('names what it touches by table and key', () => {
    data.users.at('id').execute('', [], { touches: { users: ['id'] } });
    data.users.at('id').execute('', [], { touches: 'none' });
    // @ts-expect-error there is no such table
    data.users.at('id').execute('', [], { touches: { user: ['id'] } });
    // @ts-expect-error a key is text
    data.users.at('id').execute('', [], { touches: { users: [1] } });
    // @ts-expect-error a parameter is a plain value
    data.users.at('id').execute('', [{ id: 1 }], { touches: 'none' });
    // @ts-expect-error undefined is no parameter
    data.users.at('id').execute('', [undefined], { touches: 'none' });
  });
});

test('newId gives a key for a row that fits', () => {
  expectTypeOf(data.users.newId({ country: 'DE', name: 'Ada' })).toEqualTypeOf<string>();
  // @ts-expect-error a row without its place
  data.users.newId({ name: 'Ada' });
});

describe('a transaction', () => {
  test('offers the tables of its keyspace, and returns what its body returns', () => {
    const work = data.transactions.at('a').transaction(async (trx) => {
      const row = await trx.transactions.get('id');
      expectTypeOf(row?.cents).toEqualTypeOf<bigint | undefined>();
      const held = await trx.transactions.getMany(['id'], { forUpdate: true });
      expectTypeOf(held[0]?.cents).toEqualTypeOf<bigint | undefined>();
      await trx.transactions.get('id', { forUpdate: true });
      // @ts-expect-error a transaction asks its primary
      await trx.transactions.get('id', { consistency: 'replica' });
      // @ts-expect-error users are in another keyspace
      trx.users.get('id');
      // @ts-expect-error a transaction has no streams
      trx.stream('SELECT 1');
      return 42 as const;
    });
    expectTypeOf(work).resolves.toEqualTypeOf<42>();
  });

  test('offers the same in a savepoint, which returns what its body returns', () => {
    data.transactions.at('a').transaction(async (trx) => {
      const work = trx.savepoint(async (nested) => {
        expectTypeOf(nested).toEqualTypeOf<typeof trx>();
        return 'done' as const;
      });
      expectTypeOf(work).resolves.toEqualTypeOf<'done'>();
    });
  });

  test('takes isolation, retries and a key', () => {
    const body = async () => 1;
    const at = data.transactions.at('a');
    at.transaction(body, { isolation: 'SERIALIZABLE', retries: 3 });
    at.transaction(body, { idempotencyKey: 'order-1', payload: { cents: 1n } });
    // @ts-expect-error dirty reads are not offered
    at.transaction(body, { isolation: 'READ UNCOMMITTED' });
    // @ts-expect-error a key is text
    at.transaction(body, { idempotencyKey: 1 });
    data.transactions.insert({ account_id: 'a', cents: 1n }, { idempotencyKey: 'order-1' });
    // @ts-expect-error rows of several shards have no common key
    data.transactions.insertMany([], { idempotencyKey: 'order-1' });
  });
});

describe('a raw query', () => {
  test('has unknown values without a schema, and typed ones with it', async () => {
    const [raw] = await data.users.at('id').query('');
    expectTypeOf(raw).toEqualTypeOf<Readonly<Record<string, unknown>> | undefined>();
    const schema = z.object({ n: z.int() });
    const [typed] = await data.users.everywhere.query('', [], { schema });
    expectTypeOf(typed?.n).toEqualTypeOf<number | undefined>();
    for await (const row of data.users.at('id').stream('', [], { schema })) {
      expectTypeOf(row.n).toEqualTypeOf<number>();
    }
    data.users.everywhere.query('', [], { regions: ['eu'] });
    // @ts-expect-error regions are a list
    data.users.everywhere.stream('', [], { regions: 'eu' });
    // @ts-expect-error there is no such direction
    data.users.everywhere.query('', [], { merge: { orderBy: [['n', 'down']] } });
  });

  test('of each shard by itself says whose rows they are', async () => {
    const schema = z.object({ n: z.int() });
    const raw = await data.users.everywhere.each('');
    expectTypeOf(raw[0]?.shard).toEqualTypeOf<string | undefined>();
    expectTypeOf(raw[0]?.rows).toEqualTypeOf<
      readonly Readonly<Record<string, unknown>>[] | undefined
    >();
    const typed = await data.users.everywhere.each('', [], { schema, regions: ['eu'] });
    expectTypeOf(typed[0]?.rows[0]?.n).toEqualTypeOf<number | undefined>();
    // @ts-expect-error there is nothing to merge
    data.users.everywhere.each('', [], { merge: { limit: 1 } });
  });

  test('that is a change tells its insertId, and whose rows it is for', async () => {
    const at = data.transactions.at('a');
    const { insertId } = await at.execute('', ['a'], { touches: 'none', scope: 'shard' });
    expectTypeOf(insertId).toEqualTypeOf<bigint | undefined>();
    // @ts-expect-error there is no such scope
    at.execute('', [], { scope: 'all' });
    await at.transaction(async (trx) => {
      const inside = await trx.execute('', [], { scope: 'owner' });
      expectTypeOf(inside.insertId).toEqualTypeOf<bigint | undefined>();
    });
  });
});

describe('the options', () => {
  test('need Redis, or say that there is none', () => {
    // @ts-expect-error undefined would switch the cache off unnoticed
    createDataLayer({ ...options, redis: undefined });
    const { redis: _, ...without } = options;
    // @ts-expect-error redis is missing
    createDataLayer(without);
    createDataLayer({ ...options, redis: false });
  });

  test('take a Redis for each region', () => {
    createDataLayer({ ...options, region: 'eu', redis: { eu: 'redis://eu', us: client } });
    // @ts-expect-error undefined would leave a region without its Redis unnoticed
    createDataLayer({ ...options, redis: { eu: undefined } });
    // @ts-expect-error a Redis is a URL or a client
    createDataLayer({ ...options, redis: { eu: 6379 } });
    // @ts-expect-error a name is text
    createDataLayer({ ...options, service: 7 });
  });

  test('say of a strict region who else may hold its rows', () => {
    const { regions } = topology;
    expectTypeOf(regions.eu?.allow).toEqualTypeOf<string[] | undefined>();
    topology.shards['eu-1'] = {
      region: 'eu',
      primary: 'mysql://eu-1',
      replicas: ['mysql://one', { url: 'mysql://two', region: 'us' }],
    };
    // @ts-expect-error a replica has a url
    topology.shards['eu-2'] = { region: 'eu', primary: '', replicas: [{ region: 'us' }] };
  });

  test('refuse names that the data layer has for itself', () => {
    const { users } = tables;
    // @ts-expect-error close() is the data layer's own
    createDataLayer({ ...options, tables: { close: users } });
    // @ts-expect-error session() is the data layer's own
    createDataLayer({ ...options, tables: { session: users } });
    // @ts-expect-error guard() is the data layer's own
    createDataLayer({ ...options, tables: { guard: users } });
  });
});

test('the audit trail has names of regions, tables and services, and nothing of rows', () => {
  type Refusal = Extract<MeridianEvent, { type: 'residency' }>;
  expectTypeOf<keyof Refusal>().toEqualTypeOf<
    | 'type'
    | 'action'
    | 'service'
    | 'processRegion'
    | 'table'
    | 'strictRegions'
    | 'region'
    | 'endpoint'
  >();
});

describe('a session', () => {
  test('has the tables of its data layer, and none of its other members', () => {
    const session = data.session('token');
    expectTypeOf(session).toEqualTypeOf<Session<typeof tables>>();
    expectTypeOf(session.users).toEqualTypeOf(data.users);
    expectTypeOf(session.token).toEqualTypeOf<string | undefined>();
    expectTypeOf(data.session).toBeCallableWith(undefined);
    // @ts-expect-error there is no such table
    session.user.get('id');
    // @ts-expect-error a session is not closed
    session.close();
    // @ts-expect-error a token is text
    data.session(42);
    // @ts-expect-error what was seen is not set
    session.token = 'v1~eu-1';
  });

  test('keeps its name, and that of its token', () => {
    const { users } = tables;
    // @ts-expect-error a session has a token
    createDataLayer({ ...options, tables: { token: users } });
  });
});

describe('tables and what operators use', () => {
  test('have a name each, beside which nothing else stands', () => {
    expectTypeOf(data.tables.users).toEqualTypeOf(data.users);
    expectTypeOf(data.admin.placement).toEqualTypeOf(data.placement);
    expectTypeOf(data.admin.directory).toEqualTypeOf(data.directory);
    expectTypeOf(data.admin.relocations).toEqualTypeOf(data.relocations);
    expectTypeOf(data.admin.idempotency).toEqualTypeOf(data.idempotency);
    // @ts-expect-error there is no such table
    data.tables.user;
    // @ts-expect-error a data layer is not among its own tables
    data.tables.close;
    // @ts-expect-error tables are not replaced
    data.tables.users = data.users;
    const { users } = tables;
    // @ts-expect-error a data layer has tables
    createDataLayer({ ...options, tables: { tables: users } });
    // @ts-expect-error a data layer has operators
    createDataLayer({ ...options, tables: { admin: users } });
  });
});

describe('its life', () => {
  test('is told in JSON and in numbers', async () => {
    const health = data.health();
    expectTypeOf(health).toEqualTypeOf<Health>();
    expectTypeOf(health.shards.one?.state).toEqualTypeOf<
      'up' | 'down' | 'unverified' | 'refused' | undefined
    >();
    // @ts-expect-error it is a snapshot
    health.ready = true;
    const { drained, cut, cutByKind, durationMs } = await data.close({ timeoutMs: 1_000 });
    expectTypeOf([drained, cut, cutByKind.transaction, durationMs]).toEqualTypeOf<number[]>();
    // @ts-expect-error there is no such option
    data.close({ timeout: 1_000 });
    createDataLayer({ ...options, startup: 'lazy', signal: new AbortController().signal });
    // @ts-expect-error there is no such startup
    createDataLayer({ ...options, startup: 'eager' });
  });
});
