import { defineTable } from 'meridian';
import { expectTypeOf, test } from 'vitest';
import { z } from 'zod';

const schema = z.object({ id: z.uuid(), name: z.string() });
const users = defineTable({ name: 'users', keyspace: 'people', primaryKey: 'id', schema });
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

test('a mistake is told at the field that is wrong', () => {
  defineTable({
    ...base,
    // @ts-expect-error there is no column 'idd'
    primaryKey: 'idd',
  });
  defineTable({
    ...base,
    primaryKey: 'id',
    // @ts-expect-error there is no column 'owner'
    shardKey: 'owner',
  });
  defineTable({
    ...base,
    primaryKey: 'id',
    columns: {
      // @ts-expect-error there is no codec 'uuid'
      id: 'uuid',
    },
  });
  defineTable({
    ...base,
    primaryKey: 'id',
    columns: {
      // @ts-expect-error there is no column 'nmae'
      nmae: 'json',
    },
  });
  defineTable({
    ...base,
    primaryKey: 'id',
    place: (user) => ({
      // @ts-expect-error there is no column 'country'
      country: user.country,
    }),
  });
  defineTable({
    ...base,
    primaryKey: 'id',
    // @ts-expect-error a cache has a time to live
    cache: {},
  });
  defineTable({
    ...base,
    primaryKey: 'id',
    cache: {
      ttlMs: 1_000,
      // @ts-expect-error there is no column 'versoin'
      version: 'versoin',
    },
  });
  defineTable({
    ...base,
    primaryKey: 'id',
    lookups: {
      // @ts-expect-error there is no column 'phone'
      phone: { unique: true },
    },
  });
  defineTable({
    name: 'users',
    primaryKey: 'id',
    schema,
    // @ts-expect-error an option that there is not
    keyspce: 'people',
  });
  // @ts-expect-error a reference table is in no keyspace
  defineTable({ name: 'codes', reference: true, primaryKey: 'id', schema, keyspace: 'people' });
  defineTable({
    name: 'addresses',
    group: users,
    primaryKey: 'id',
    schema,
    // @ts-expect-error there is no column 'user_id'
    ownerKey: 'user_id',
  });
});
