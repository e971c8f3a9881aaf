import { type DataLayer, defineTable, RowError } from 'meridian';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import {
  clearMembers,
  createMembers,
  directoryKey,
  members,
  nobody,
  plainMembers,
} from '../../support/tables/members.ts';

/** A normalize as a library's parser is: it throws, and quotes the value. */
function parsed(phone: string): string {
  if (!phone.startsWith('+')) throw new TypeError(`'${phone}' is no phone number`);
  return phone;
}

const strictMembers = defineTable({
  name: members.name,
  keyspace: members.keyspace,
  primaryKey: members.primaryKey,
  place: (member) => ({ country: member.country }),
  schema: members.schema,
  columns: { id: 'uuid-binary' },
  lookups: { phone: { unique: true, normalize: parsed } },
});

let cluster: TestCluster;
let data: DataLayer<{ members: typeof strictMembers }>;
let plain: DataLayer<{ members: typeof plainMembers }>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createMembers(cluster);
  ({ data } = await cluster.openWith(
    { members: strictMembers },
    { directory: { keyspace: 'ledger', keys: [directoryKey] } },
  ));
  // As a service of before the lookup, which is not refused where nothing is on record.
  await cluster.forgetFacts();
  ({ data: plain } = await cluster.openWith({ members: plainMembers }));
});

afterAll(() => cluster.stop());
beforeEach(() => clearMembers(cluster));

it('a value that normalize throws at is refused before any shard has taken a row, without being told', async () => {
  const rows = [
    { ...nobody, phone: '+1' },
    { ...nobody, country: 'US', phone: '0815' },
  ];
  const ada = await data.members.insert({ ...nobody, phone: '+2' });
  const refusals = await Promise.all([
    failureOf(data.members.insertMany(rows)),
    failureOf(data.members.insert({ ...nobody, phone: '0815' })),
    failureOf(data.members.update(ada.id, { phone: '0815' })),
    failureOf((async () => data.members.by('phone', '0815').get())()),
  ]);
  for (const refusal of refusals) {
    expect(refusal).toBeInstanceOf(RowError);
    expect(refusal).toMatchObject({ context: { columns: ['phone'] } });
    expect(String(refusal)).toMatch('normalize threw TypeError');
    expect(String(refusal)).not.toMatch('0815');
  }
  expect(await data.members.by('phone', '+1').get()).toBeNull();
  expect(await plain.members.everywhere.query('SELECT phone FROM members')).toEqual([
    { phone: '+2' },
  ]);
});

it('a row that holds such a value from before can be changed and deleted, and is told by a backfill', async () => {
  const old = await plain.members.insert({ ...nobody, phone: '0815' });
  const older = await plain.members.insert({ ...nobody, phone: '0816' });
  await plain.members.insert({ ...nobody, phone: '+1' });
  const { invalid, ...counts } = await data.members.backfill('phone');
  expect(counts).toEqual({ scanned: 3, entered: 1, duplicates: [] });
  expect(invalid.toSorted()).toEqual([old.id, older.id].toSorted());
  await data.members.update(old.id, { phone: '+2' });
  expect(await data.members.by('phone', '+2').get()).toMatchObject({ id: old.id });
  await data.members.delete(older.id);
  // Back by raw SQL: its entry is one that nobody believes.
  await plain.members.update(old.id, { phone: '0815' });
  expect(await data.members.by('phone', '+2').get()).toBeNull();
  const heir = await data.members.insert({ ...nobody, phone: '+2' });
  expect(await data.members.by('phone', '+2').get()).toEqual(heir);
});
