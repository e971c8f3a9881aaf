import {
  type DataLayer,
  type DirectoryOptions,
  DuplicateKeyError,
  isMeridianError,
} from 'meridian';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { cards, createCards } from '../../support/tables/cards.ts';
import {
  cachedMembers,
  clearMembers,
  createMembers,
  directoryEntries,
  directoryKey,
  marks,
  nobody,
} from '../../support/tables/members.ts';

const tables = { members: cachedMembers, cards };
const directory: DirectoryOptions = { keyspace: 'ledger', keys: [directoryKey], sweepMs: false };
/** Past the memory of the process, which may be a second old. */
const now = { consistency: 'primary' } as const;

let cluster: TestCluster;
let data: DataLayer<typeof tables>;
let other: DataLayer<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  await createMembers(cluster);
  await createCards(cluster);
  ({ data } = await cluster.openWith(tables, { directory }));
  ({ data: other } = await cluster.openWith(tables, { directory, region: 'us' }));
});

afterAll(() => cluster.stop());
beforeEach(() => clearMembers(cluster));

it('rows of owners who have moved, and of some who have not, are entered together', async () => {
  const ada = await data.members.insert(nobody);
  const bob = await data.members.insert(nobody);
  await data.cards.insert({ member: bob.id, number: 'taken' });
  await data.members.relocate(ada.id, { country: 'US' });
  // This process has not heard of it.
  const rows = await other.cards.insertMany([
    { member: ada.id, number: 'a1' },
    { member: bob.id, number: 'b1' },
    { member: ada.id, number: 'a2' },
  ]);
  for (const row of rows) {
    expect(await data.cards.by('number', row.number ?? '').get(now)).toEqual(row);
    expect(await failureOf(other.cards.insert(row))).toBeInstanceOf(DuplicateKeyError);
  }
  const refused = other.cards.insertMany([
    { member: bob.id, number: 'b2' },
    { member: bob.id, number: 'taken' },
  ]);
  expect(await failureOf(refused)).toBeInstanceOf(DuplicateKeyError);
  expect(await data.cards.by('number', 'b2').get(now)).toBeNull();

  // A client that tries again, with the id that was made where the owner was.
  const early = await data.cards.insert({ member: bob.id, number: 'early' });
  await data.cards.delete(early.id);
  await data.members.relocate(bob.id, { country: 'US' });
  expect(await other.cards.insert(early)).toEqual(early);
  expect(await data.cards.by('number', 'early').get(now)).toEqual(early);
  expect(await marks(cluster)).toBe(0);
  const states = (await directoryEntries(cluster)).map(({ state }) => state);
  expect(states).toEqual(Array(5).fill('confirmed'));
});

it('rows that are written while their owner moves are all found, and nothing else is', async () => {
  const ada = await data.members.insert(nobody);
  let isOver = false;
  const moves = (async () => {
    for (const country of ['US', 'DE', 'US']) await data.members.relocate(ada.id, { country });
  })().finally(() => {
    isOver = true;
  });
  const made: string[] = [];
  const write = async (layer: typeof data, tag: string) => {
    for (let turn = 0; !isOver; turn++) {
      const card = { member: ada.id, number: `${tag}${turn}` };
      const ways = [
        () => layer.cards.insert(card),
        () => layer.cards.insertMany([card]),
        () => layer.members.at(ada.id).transaction((trx) => trx.cards.insert(card)),
      ];
      try {
        await ways[turn % ways.length]?.();
        made.push(card.number);
      } catch (error) {
        // A transaction that its owner left under way; of anything else nothing may fail.
        if (!isMeridianError(error) || error.code !== 'MERIDIAN_ROLLED_BACK') throw error;
      }
    }
  };
  await Promise.all([moves, write(data, 'd'), write(other, 'o')]);
  const stored = await data.cards.everywhere.query(
    "SELECT number FROM cards WHERE number REGEXP '^[do][0-9]+$'",
  );
  expect(stored.map(({ number }) => String(number)).toSorted()).toEqual(made.toSorted());
  for (const number of made) {
    expect(await other.cards.by('number', number).get(now)).toMatchObject({ number });
  }
  expect(await directoryEntries(cluster)).toHaveLength(made.length);
  expect(await marks(cluster)).toBe(0);
});
