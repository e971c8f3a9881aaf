import { expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../src/table/define-table.ts';

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
  const schema = z.object({ id: z.uuid(), name: z.string() });
  // @ts-expect-error there is no column 'idd'
  defineTable({ name: 'users', keyspace: 'people', primaryKey: 'idd', schema });
  // @ts-expect-error there is no column 'owner'
  defineTable({ name: 'users', keyspace: 'people', primaryKey: 'id', shardKey: 'owner', schema });
  // @ts-expect-error there is no codec 'uuid'
  defineTable({
    name: 'users',
    keyspace: 'people',
    primaryKey: 'id',
    schema,
    columns: { id: 'uuid' },
  });
});
