import { type DataLayer, DuplicateKeyError, PartialWriteError, RoutingError } from 'meridian';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import {
  cachedMembers,
  clearMembers,
  createMembers,
  directoryEntries,
  directoryKey,
  marks,
  members,
  nobody,
} from '../../support/tables/members.ts';

let cluster: TestCluster;
let data: DataLayer<{ members: typeof members }>;
let other: DataLayer<{ members: typeof cachedMembers }>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createMembers(cluster);
  const directory = { keyspace: 'ledger', keys: [directoryKey], sweepMs: false } as const;
  ({ data } = await cluster.openWith({ members }, { directory }));
  await cluster.forgetFacts();
  ({ data: other } = await cluster.openWith({ members: cachedMembers }, { directory }));
});

afterAll(() => cluster.stop());
beforeEach(() => clearMembers(cluster));

const phone = '+49 30 1234567';
const duplicateOf = (lookup: string) => ({
  code: 'MERIDIAN_DUPLICATE_KEY',
  outcome: 'not-applied',
  context: { table: 'members', lookup },
});

/** What is left beside the rows: every entry is confirmed, and no mark is kept. */
async function expectSettled(entries: number): Promise<void> {
  const found = await directoryEntries(cluster);
  expect(found).toHaveLength(entries);
  expect(found.every(({ state }) => state === 'confirmed')).toBe(true);
  expect(await marks(cluster)).toBe(0);
}

describe('a row with unique values', () => {
  it('is found by each of them, whatever its shard', async () => {
    const ada = await data.members.insert({ ...nobody, phone, handle: 'Ada', serial: 7 });
    const bob = await data.members.insert({ ...nobody, country: 'US', handle: 'bob' });
    expect(await data.members.by('phone', phone).get()).toEqual(ada);
    expect(await data.members.by('phone', '+49301234567').get()).toEqual(ada);
    expect(await data.members.by('handle', 'ADA').get()).toEqual(ada);
    expect(await data.members.by('serial', 7).get()).toEqual(ada);
    expect(await data.members.by('handle', 'Bob').get()).toEqual(bob);
    expect(await data.members.by('handle', 'eve').get()).toBeNull();
    expect(await data.members.by('serial', 8).get({ consistency: 'primary' })).toBeNull();
    await expectSettled(4);
  });

  it('is refused when another has one of them, and leaves nothing', async () => {
    await data.members.insert({ ...nobody, phone });
    const error = await failureOf(
      data.members.insert({ ...nobody, country: 'US', phone: '+49-30-1234567', handle: 'eve' }),
    );
    expect(error).toBeInstanceOf(DuplicateKeyError);
    expect(error).toMatchObject(duplicateOf('phone'));
    expect(await data.members.by('handle', 'eve').get()).toBeNull();
    await expectSettled(1);
  });

  it('gives them up when it is deleted, and when they change', async () => {
    const ada = await data.members.insert({ ...nobody, phone, handle: 'ada' });
    expect(await data.members.update(ada.id, { phone: '+1' })).toMatchObject({ affected: 1 });
    expect(await data.members.by('phone', phone).get()).toBeNull();
    expect(await data.members.by('phone', '+1').get()).toMatchObject({ id: ada.id, phone: '+1' });
    await expectSettled(2);
    const bob = await data.members.insert({ ...nobody, country: 'US', phone });
    expect(await failureOf(data.members.update(bob.id, { phone: '+1' }))).toMatchObject(
      duplicateOf('phone'),
    );
    expect(await data.members.get(bob.id)).toEqual(bob);
    expect(await data.members.delete(ada.id)).toMatchObject({ affected: 1 });
    expect(await data.members.update(bob.id, { phone: '+1', handle: 'ada' })).toMatchObject({
      affected: 1,
    });
    expect(await data.members.update(bob.id, { phone: null })).toMatchObject({ affected: 1 });
    await expectSettled(1);
  });

  it('may change the way a value is written, which is no other value', async () => {
    const ada = await data.members.insert({ ...nobody, phone, handle: 'ada' });
    await data.members.update(ada.id, { phone: '+49301234567', handle: 'ADA', name: 'Ada' });
    expect(await data.members.by('phone', phone).get()).toMatchObject({ handle: 'ADA' });
    await expectSettled(2);
  });

  it('that is not there can not be changed or deleted', async () => {
    const ada = await data.members.insert({ ...nobody, phone });
    await data.members.delete(ada.id);
    expect(await data.members.update(ada.id, { phone: '+2' })).toMatchObject({ affected: 0 });
    expect(await data.members.delete(ada.id)).toMatchObject({ affected: 0 });
    await expectSettled(0);
  });

  it('that breaks another rule gives its values back', async () => {
    const ada = await data.members.insert({ ...nobody, phone });
    const again = data.members.insert({ ...ada, phone: '+3', handle: 'x' });
    expect(await failureOf(again)).toMatchObject({ context: { key: 'PRIMARY' } });
    expect(await failureOf(data.members.insert(ada))).toMatchObject(duplicateOf('phone'));
    const long = data.members.update(ada.id, { phone: '4'.repeat(60) });
    expect(await failureOf(long)).toMatchObject({ code: 'MERIDIAN_STATEMENT' });
    await expectSettled(1);
  });

  it('past the directory does not block its value for ever', async () => {
    const ada = await data.members.insert({ ...nobody, phone });
    await data.members.at(ada.id).execute('DELETE FROM members', [], { scope: 'shard' });
    expect(await data.members.by('phone', phone).get()).toBeNull();
    const bob = await data.members.insert({ ...nobody, country: 'US', phone });
    expect(await data.members.by('phone', phone).get()).toEqual(bob);
    await expectSettled(1);
  });
});

describe('many rows at once', () => {
  it('of which several want one value: one gets it', async () => {
    const tries = Array.from({ length: 40 }, (_, index) =>
      (index % 2 === 0 ? data : other).members.insert({
        ...nobody,
        country: index % 3 === 0 ? 'US' : 'DE',
        phone,
        handle: index % 4 === 0 ? 'shared' : null,
      }),
    );
    const results = await Promise.allSettled(tries);
    const won = results.filter(({ status }) => status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(DuplicateKeyError);
    }
    const [row] = won.map((result) => (result.status === 'fulfilled' ? result.value : undefined));
    expect(await other.members.by('phone', phone).get()).toEqual(row);
    const stored = await data.members.everywhere.query('SELECT id FROM members');
    expect(stored).toHaveLength(1);
    await expectSettled(row?.handle === null ? 1 : 2);
  });

  it('that swap their values do not wait for each other', async () => {
    const ada = await data.members.insert({ ...nobody, phone: '+1', handle: 'a' });
    const bob = await data.members.insert({ ...nobody, country: 'US', phone: '+2', handle: 'b' });
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => [
        data.members.update(ada.id, { phone: '+2', handle: 'b' }),
        other.members.update(bob.id, { phone: '+1', handle: 'a' }),
      ]).flat(),
    );
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(DuplicateKeyError);
    }
    await expectSettled(4);
  });

  it('updates of one row to several values leave one of them', async () => {
    const ada = await data.members.insert({ ...nobody, phone });
    await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        (index % 2 === 0 ? data : other).members.update(ada.id, { phone: `+${index % 3}` }),
      ),
    );
    const row = await data.members.get(ada.id);
    expect(await data.members.by('phone', row?.phone ?? '').get()).toEqual(row);
    await expectSettled(1);
  });

  it('are entered together, or none of a shard', async () => {
    const rows = Array.from({ length: 150 }, (_, index) => ({
      ...nobody,
      country: index % 2 === 0 ? 'DE' : 'US',
      phone: `+${1_000 + index}`,
      serial: index,
    }));
    const stored = await data.members.insertMany(rows);
    expect(await data.members.by('serial', 149).get()).toEqual(stored[149]);
    await expectSettled(300);
    const error = await failureOf(
      data.members.insertMany([
        { ...nobody, phone: '+1' },
        { ...nobody, country: 'US', phone: '+2' },
        { ...nobody, country: 'US', phone: '+1001' },
      ]),
    );
    expect(error).toBeInstanceOf(PartialWriteError);
    expect(error).toMatchObject({ cause: duplicateOf('phone') });
    expect(await data.members.by('phone', '+1').get()).not.toBeNull();
    expect(await data.members.by('phone', '+2').get()).toBeNull();
    await expectSettled(301);
    const twice = data.members.insertMany([
      { ...nobody, phone: '+7' },
      { ...nobody, phone: '+ 7' },
    ]);
    expect(await failureOf(twice)).toMatchObject(duplicateOf('phone'));
    await expectSettled(301);
  });
});

describe('what is no lookup', () => {
  it('is refused with the one that was probably meant', () => {
    const asked: { by(lookup: string, value: unknown): unknown } = Object(data.members);
    expect(() => asked.by('fhone', '+1')).toThrow(RoutingError);
    expect(() => asked.by('fhone', '+1')).toThrow(/did you mean 'phone'/);
    expect(() => asked.by('country', 'DE')).toThrow(/declares no lookup 'country'/);
    for (const value of [null, undefined, 1, {}, '\ud800']) {
      expect(() => asked.by('phone', value)).toThrow(RoutingError);
    }
    expect(() => asked.by('serial', '1')).toThrow(RoutingError);
    expect(() => asked.by('handle', 'x'.repeat(256))).toThrow(/longer than 255 bytes/);
  });
});

it('explain says where the entry is, without the value', () => {
  const told = data.members.by('phone', phone).explain();
  expect(told).toMatchObject({ table: 'members.phone', keyspace: 'ledger', reason: 'hash' });
  expect(JSON.stringify(told)).not.toContain('1234567');
});
