import { type DataLayer, defineTable, type Session } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { accountOn, shardNames, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { redisContents } from '../../support/redis/redis-contents.ts';
import { gtidPattern } from '../../support/servers/server-flavor.ts';
import { createGroupTables, group } from '../../support/tables/groups.ts';
import {
  cachedMembers,
  createMembers,
  directoryKey,
  nobody,
} from '../../support/tables/members.ts';
import { tables } from '../../support/tables.ts';

const countries = defineTable({
  name: 'countries',
  reference: true,
  primaryKey: 'code',
  schema: z.object({ code: z.string(), name: z.string() }),
  cache: { ttlMs: 60_000 },
});
const own = {
  ...group,
  transactions: tables.transactions,
  members: cachedMembers,
  countries,
};

let cluster: TestCluster;
/** Two processes; the second one does not hear what the first one changes. */
let writer: DataLayer<typeof own>;
let deaf: DataLayer<typeof own>;
let redis: ChaosProxy;
let session: Session<typeof own>;

const directory = { keyspace: 'ledger', keys: [directoryKey], sweepMs: false } as const;

beforeAll(async () => {
  cluster = await TestCluster.startOwn(1);
  await createGroupTables(cluster);
  await createMembers(cluster);
  for (const shard of shardNames) {
    await cluster.sql(
      shard,
      'CREATE TABLE countries (code CHAR(2) COLLATE utf8mb4_bin PRIMARY KEY, name VARCHAR(50) NOT NULL)',
    );
  }
  writer = (await cluster.openWith(own, { directory })).data;
});

afterAll(() => cluster.stop());

beforeEach(async () => {
  const { proxy, url } = await cluster.proxy('redis');
  redis = proxy;
  const cache = { maxGapMs: 60_000 };
  deaf = (await cluster.openWith(own, { directory, redis: url, cache })).data;
  session = writer.session();
});

afterEach(async () => {
  redis.heal();
  await deaf.close();
});

/** The session goes on in the other process, as if its token had travelled there. */
const goesOn = () => deaf.session(session.token);

const readOnly = 'SELECT @@read_only AS readOnly';
const answeredBy = ([row]: readonly Readonly<Record<string, unknown>>[]) =>
  Number(row?.readOnly) === 1 ? 'replica' : 'primary';

describe('the token', () => {
  it('is undefined until something is written, and merges what is written later', async () => {
    const [one, two] = [
      accountOn('tx-1', writer.transactions),
      accountOn('tx-2', writer.transactions),
    ];
    expect(session.token).toBeUndefined();
    const { id } = await writer.transactions.insert({ account_id: one, cents: 1n });
    expect(await session.transactions.get(id)).not.toBeNull();
    const missing = await session.transactions.delete(id.replace(/.$/, '0').replace(/..$/, '77'));
    expect(missing).toMatchObject({ affected: 0, token: undefined });
    expect(session.token).toBeUndefined();
    const { token } = await session.transactions.update(id, { cents: 2n });
    expect(token).toMatch(new RegExp(`^v1~tx-1=${gtidPattern}$`));
    expect(session.token).toBe(token);
    await session.transactions.insertMany([
      { account_id: one, cents: 3n },
      { account_id: two, cents: 3n },
    ]);
    const sequence = (text = '') => Number(/tx-1=[^~]*?(\d+)(?:~|$)/.exec(text)?.[1]);
    expect(session.token).toMatch(new RegExp(`^v1~tx-1=${gtidPattern}~tx-2=${gtidPattern}$`));
    expect(sequence(session.token)).toBeGreaterThan(sequence(token));
    expect(writer.session(session.token).token).toBe(session.token);
    expect(writer.session('').token).toBeUndefined();
  });

  it.each(['v1', 'no token', 'v1~tx-1=', 'v9~tx-1', 'x'.repeat(5_000)])('%.20s is none', (text) => {
    expect(() => writer.session(text)).toThrow(
      expect.objectContaining({ code: 'MERIDIAN_ROUTING' }),
    );
  });

  it('of shards that this topology does not know makes all reads current', async () => {
    const ada = await writer.users.insert({ country: 'DE', name: 'Ada' });
    expect(await deaf.users.get(ada.id)).toEqual(ada);
    redis.blackHole();
    await writer.users.update(ada.id, { name: 'Ada L.' });
    expect(await deaf.session('v1~left-since=0-1-5').users.get(ada.id)).toMatchObject({
      name: 'Ada L.',
    });
  });
});

describe('rows', () => {
  it('that the session wrote are seen in another process, others come from the cache', async () => {
    const ada = await writer.users.insert({ country: 'DE', name: 'Ada' });
    const bob = await writer.users.insert({ country: 'US', name: 'Bob' });
    expect(await deaf.users.getMany([ada.id, bob.id])).toEqual([ada, bob]);
    redis.blackHole();
    await session.users.update(ada.id, { name: 'Ada L.' });
    await writer.users.update(bob.id, { name: 'Bobby' });
    const later = { ...ada, name: 'Ada L.' };
    expect(await deaf.users.get(ada.id)).toEqual(ada);
    expect(await goesOn().users.get(ada.id)).toEqual(later);
    expect(await goesOn().users.getMany([ada.id, bob.id])).toEqual([later, bob]);
    expect(await goesOn().users.at(ada.id).get(ada.id)).toEqual(later);
    expect(await deaf.users.get(ada.id, { token: session.token })).toEqual(later);
    expect(await deaf.session().users.get(bob.id, { token: session.token })).toEqual(bob);
  });

  it('are seen by their unique values', async () => {
    const eve = await writer.members.insert({ ...nobody, handle: 'eve' });
    const by = (data: Pick<typeof deaf, 'members'>, handle: string) =>
      data.members.by('handle', handle).get();
    expect(await by(deaf, 'eve')).toEqual(eve);
    expect(await by(deaf, 'eva')).toBeNull();
    redis.blackHole();
    await session.members.update(eve.id, { handle: 'eva' });
    expect(await by(deaf, 'eva')).toBeNull();
    expect(await by(goesOn(), 'eva')).toMatchObject({ id: eve.id });
    expect(await by(goesOn(), 'eve')).toBeNull();
    await session.members.delete(eve.id);
    expect(await by(goesOn(), 'eva')).toBeNull();
  });

  it('whose owner has moved are seen by who has not heard of the move', async () => {
    const ada = await writer.users.insert({ country: 'DE', name: 'Ada' });
    const home = await writer.addresses.insert({ user_id: ada.id, city: 'Bonn' });
    expect(await deaf.addresses.get(home.id)).toEqual(home);
    expect(await deaf.users.get(ada.id)).toEqual(ada);
    await writer.users.relocate(ada.id, { country: 'US' });
    // An address born in the US names that shard; its owner goes back to where it was.
    const born = await writer.addresses.insert({ user_id: ada.id, city: 'Reno' });
    await writer.users.relocate(ada.id, { country: 'DE' });
    // It finds the row in Redis, so it does not hear where the row is.
    await writer.addresses.get(born.id);
    await eventually(async () =>
      expect(String(await redisContents(cluster.redisUrl))).toContain('Reno'),
    );
    expect(await deaf.addresses.get(born.id)).toEqual(born);
    expect(deaf.addresses.explain(born.id).shard).toBe('us-1');
    redis.blackHole();
    await session.addresses.update(home.id, { city: 'Köln' });
    expect(await goesOn().addresses.get(home.id)).toMatchObject({ city: 'Köln' });
    const within = writer.session();
    await within.users
      .at(ada.id)
      .transaction((trx) => trx.addresses.update(born.id, { city: 'LA' }));
    const read = await deaf.session(within.token).addresses.get(born.id);
    expect(read).toMatchObject({ city: 'LA' });
    const moved = writer.session();
    await moved.users.relocate(ada.id, { country: 'US' });
    expect(await deaf.session(moved.token).users.get(ada.id)).toMatchObject({ country: 'US' });
  });

  it('of reference tables are seen, and cached ones stay so until the session writes', async () => {
    await writer.countries.put({ code: 'DE', name: 'Germany' });
    expect(await deaf.countries.get('DE')).toMatchObject({ name: 'Germany' });
    redis.blackHole();
    await session.countries.put({ code: 'DE', name: 'Deutschland' });
    expect(await deaf.session().countries.get('DE')).toMatchObject({ name: 'Germany' });
    expect(await goesOn().countries.get('DE')).toMatchObject({ name: 'Deutschland' });
    expect(await goesOn().countries.getMany(['DE'])).toMatchObject([{ name: 'Deutschland' }]);
    expect(session.token?.split('~')).toHaveLength(1 + shardNames.length);
  });
});

describe('statements that ask for a replica', () => {
  it('are answered by the primary where the session wrote', async () => {
    const one = accountOn('tx-1', writer.transactions);
    const two = accountOn('tx-2', writer.transactions);
    const asked = { consistency: 'replica' } as const;
    const row = await session.transactions.insert({ account_id: one, cents: 1n });
    const now = goesOn().transactions;
    expect(answeredBy(await deaf.transactions.at(one).query(readOnly, [], asked))).toBe('replica');
    expect(answeredBy(await now.at(one).query(readOnly, [], asked))).toBe('primary');
    expect(answeredBy(await now.at(two).query(readOnly, [], asked))).toBe('replica');
    expect(await now.at(one).list(asked)).toContainEqual(row);
    expect(await now.get(row.id, asked)).toEqual(row);
    for await (const streamed of now.at(one).stream(readOnly, [], asked)) {
      expect(answeredBy([streamed])).toBe('primary');
    }
    const all = await now.everywhere.each(readOnly, [], asked);
    expect(all.map(({ rows }) => answeredBy(rows)).toSorted()).toEqual(['primary', 'replica']);
  });
});

it('a session has the tables of its data layer, made once, and nothing else', async () => {
  expect(session.users).toBe(session.users);
  expect(session).not.toHaveProperty('close');
  expect(Object.isFrozen(session)).toBe(true);
  expect(writer.session().users).not.toBe(session.users);
  const { users } = session;
  const ada = await users.insert({ country: 'DE', name: 'Ada' });
  expect(await users.get(ada.id)).toEqual(ada);
});
