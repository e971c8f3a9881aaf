import { defineTable } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { tables } from '../../support/tables.ts';

const { users } = tables;
const group = {
  users,
  replies: defineTable({
    name: 'replies',
    group: users,
    ownerKey: 'user_id',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid(), user_id: z.uuid(), parent: z.uuid().nullable() }),
    columns: { id: 'uuid-binary', user_id: 'uuid-binary', parent: 'uuid-binary' },
  }),
  profiles: defineTable({
    name: 'profiles',
    group: users,
    ownerKey: 'id',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid(), bio: z.string() }),
    columns: { id: 'uuid-binary' },
  }),
};

const shards = ['eu-1', 'us-1'] as const;
let cluster: TestCluster;
let data: Opened<typeof group>['data'];
const bytesOf = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');

beforeAll(async () => {
  cluster = await TestCluster.start();
  for (const shard of shards) {
    await cluster.sql(
      shard,
      `CREATE TABLE replies (id BINARY(16) PRIMARY KEY, user_id BINARY(16) NOT NULL, parent BINARY(16),
        KEY (user_id), FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
        FOREIGN KEY (parent) REFERENCES replies (id) ON DELETE CASCADE)`,
    );
    await cluster.sql(
      shard,
      `CREATE TABLE profiles (id BINARY(16) PRIMARY KEY, bio TEXT NOT NULL,
        FOREIGN KEY (id) REFERENCES users (id))`,
    );
  }
  ({ data } = await cluster.openWith(group));
});

afterAll(() => cluster.stop());

async function rowsOn(shard: 'eu-1' | 'us-1', table: string): Promise<number> {
  const [row] = await cluster.sql(shard, `SELECT COUNT(*) AS n FROM ${table}`);
  return Number(row?.n);
}

it('moves rows that refer to each other and to their owner, in whatever order their ids are', async () => {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const profile = await data.profiles.insert({ id: user.id, bio: 'hello 😀' });
  const first = await data.replies.insert({ user_id: user.id, parent: null });
  const second = await data.replies.insert({ user_id: user.id, parent: first.id });
  const third = await data.replies.insert({ user_id: user.id, parent: null });
  await data.replies.update(first.id, { parent: third.id });
  const moved = await data.users.relocate(user.id, { country: 'US' });
  expect(moved.rows).toBe(5);
  expect(await data.profiles.get(user.id)).toEqual(profile);
  expect(await data.replies.at(user.id).list()).toEqual([
    { ...first, parent: third.id },
    second,
    third,
  ]);
  await data.users.relocate(user.id, { country: 'DE' });
  expect(await data.replies.at(user.id).list()).toHaveLength(3);
  await data.profiles.delete(user.id);
  await data.users.delete(user.id);
});

it("does not delete another owner's rows that refer to those of one who moves", async () => {
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  const other = await data.users.insert({ country: 'DE', name: 'Bob' });
  const mine = await data.replies.insert({ user_id: user.id, parent: null });
  const theirs = await data.replies.insert({ user_id: other.id, parent: null });
  await cluster.sql('eu-1', 'UPDATE replies SET parent = ? WHERE id = ?', [
    bytesOf(mine.id),
    bytesOf(theirs.id),
  ]);
  expect(await failureOf(data.users.relocate(user.id, { country: 'US' }))).toMatchObject({
    code: 'MERIDIAN_RELOCATION',
    reason: 'unfit',
    outcome: 'not-applied',
  });
  expect(await data.replies.get(theirs.id)).toMatchObject({ parent: mine.id });
  expect(await data.replies.get(mine.id)).toEqual(mine);
});

it('does not delete rows of tables that it does not know', async () => {
  await cluster.sql(
    'eu-1',
    `CREATE TABLE sessions (id INT PRIMARY KEY, user_id BINARY(16) NOT NULL,
      FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE)`,
  );
  const user = await data.users.insert({ country: 'DE', name: 'Ada' });
  await cluster.sql('eu-1', 'INSERT INTO sessions VALUES (1, ?)', [bytesOf(user.id)]);
  const error = await failureOf(data.users.relocate(user.id, { country: 'US' }));
  expect(error).toMatchObject({ code: 'MERIDIAN_RELOCATION', reason: 'unfit' });
  expect(String(error)).toContain('sessions');
  expect(await rowsOn('eu-1', 'sessions')).toBe(1);
  expect((await data.users.get(user.id, { consistency: 'primary' }))?.country).toBe('DE');
});
