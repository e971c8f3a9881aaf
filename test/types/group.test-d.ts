import { type DataLayer, defineTable, type RelocationResult } from 'meridian';
import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';

const users = defineTable({
  name: 'users',
  keyspace: 'people',
  primaryKey: 'id',
  place: (user) => ({ country: user.country }),
  schema: z.object({ id: z.uuid(), country: z.string() }),
});
const member = {
  name: 'addresses',
  group: users,
  primaryKey: 'id',
  schema: z.object({ id: z.uuid(), user_id: z.uuid(), city: z.string() }),
} as const;
const addresses = defineTable({ ...member, ownerKey: 'user_id' });
const tables = { users, addresses };

declare const data: DataLayer<typeof tables>;

describe('a group', () => {
  test('has one keyspace, and the owner key as its shard key', () => {
    expectTypeOf(addresses.keyspace).toEqualTypeOf<'people'>();
    expectTypeOf(addresses.shardKey).toEqualTypeOf<'user_id'>();
    expectTypeOf(addresses.group.name).toEqualTypeOf<'users'>();
  });

  test('takes columns that are there, and no placement of its own', () => {
    // @ts-expect-error there is no column 'owner'
    defineTable({ ...member, ownerKey: 'owner' });
    // @ts-expect-error a member lives in its owner's keyspace
    defineTable({ ...member, ownerKey: 'user_id', keyspace: 'people' });
    // @ts-expect-error a member lives where its owner does
    defineTable({ ...member, ownerKey: 'user_id', place: () => ({ country: 'DE' }) });
  });

  test('reads the rows of one owner', () => {
    const owned = data.addresses.at('owner');
    expectTypeOf(owned.get).returns.resolves.toEqualTypeOf<Readonly<{
      id: string;
      user_id: string;
      city: string;
    }> | null>();
    expectTypeOf(owned.list)
      .parameter(0)
      .toExtend<{ limit?: number; after?: string } | undefined>();
    // @ts-expect-error keys are text
    void owned.get(7);
  });

  test('moves by its owners, and keeps its keys', () => {
    expectTypeOf(data.users.relocate).returns.resolves.toEqualTypeOf<RelocationResult>();
    void data.users.relocate('id', { country: 'US' }, { set: { country: 'US' }, pauseMs: 100 });
    // @ts-expect-error there is no such column
    void data.users.relocate('id', { country: 'US' }, { set: { land: 'US' } });
    // @ts-expect-error members move with their owner
    void data.addresses.relocate('id', { country: 'US' });
    // @ts-expect-error the owner's key can't be changed
    void data.addresses.update('id', { user_id: 'other' });
  });
});
