import { defineTable } from 'meridian';
import { expectTypeOf, test } from 'vitest';
import { z } from 'zod';

const schema = z.object({ id: z.uuid(), name: z.string() });
const base = { name: 'users', keyspace: 'people', schema } as const;

test('a table knows its keys', () => {
  const users = defineTable({
    name: 'users',
    keyspace: 'people',
    primaryKey: 'id',
    place: (user) => ({ country: user.country }),
    schema: z.object({ id: z.uuid(), country: z.string(), name: z.string() }),
    columns: { id: 'uuid-binary' },
  });
  expectTypeOf(users.shardKey).toEqualTypeOf<'id'>();
  expectTypeOf(users.keyspace).toEqualTypeOf<'people'>();
  const ledger = defineTable({
    name: 'transactions',
    keyspace: 'ledger',
    primaryKey: 'id',
    shardKey: 'account_id',
    schema: z.object({ id: z.uuid(), account_id: z.string() }),
  });
  expectTypeOf(ledger.shardKey).toEqualTypeOf<'account_id'>();
});

test('unknown columns do not compile', () => {
  // @ts-expect-error there is no column 'idd'
  defineTable({ ...base, primaryKey: 'idd' });
  // @ts-expect-error there is no column 'owner'
  defineTable({ ...base, primaryKey: 'id', shardKey: 'owner' });
  // @ts-expect-error there is no codec 'uuid'
  defineTable({ ...base, primaryKey: 'id', columns: { id: 'uuid' } });
  // @ts-expect-error there is no column 'nmae'
  defineTable({ ...base, primaryKey: 'id', columns: { nmae: 'json' } });
  // @ts-expect-error there is no column 'country'
  defineTable({ ...base, primaryKey: 'id', place: (user) => ({ country: user.country }) });
  // @ts-expect-error a cache has a time to live
  defineTable({ ...base, primaryKey: 'id', cache: {} });
});
