import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import { createGroupTables, group } from '../../support/tables/groups.ts';

const { notes, ...withoutNotes } = group;
const people = ['eu-1', 'us-1'] as const;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(() => cluster.stop());

beforeEach(() => createGroupTables(cluster));
afterEach(async () => {
  await cluster.forgetFacts();
  for (const shard of people) {
    for (const table of ['addresses', 'notes'])
      await cluster.sql(shard, `DROP TABLE IF EXISTS ${table}`);
  }
});

/** An owner who has left the shard eu-1, which the id still names. */
async function departed(tables: typeof withoutNotes): Promise<string> {
  const { data } = await cluster.openWith(tables);
  const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
  await data.addresses.insert({ user_id: id, city: 'Berlin' });
  await data.users.relocate(id, { country: 'US' });
  await data.close();
  return id;
}

/** As an online schema change does it: a new table takes the place of the old one. */
async function rebuild(table: string, keepOld: boolean): Promise<void> {
  for (const sql of [
    `CREATE TABLE _${table}_new LIKE ${table}`,
    `INSERT INTO _${table}_new SELECT * FROM ${table}`,
    `RENAME TABLE ${table} TO _${table}_old, _${table}_new TO ${table}`,
    ...(keepOld ? [] : [`DROP TABLE _${table}_old`]),
  ]) {
    await cluster.sql('eu-1', sql);
  }
}

async function citiesOn(shard: (typeof people)[number]): Promise<unknown[]> {
  return (await cluster.sql(shard, 'SELECT city FROM addresses')).map(({ city }) => city);
}

it('rows of a table that joined its group after an owner had left go where the owner is', async () => {
  const owner = await departed(withoutNotes);
  const { data } = await cluster.openWith(group);
  await data.notes.insert({ owner, text: 'hello', at: new Date(0) });
  await data.notes.insertMany([{ owner, text: 'many', at: new Date(0) }]);
  expect(await cluster.sql('eu-1', 'SELECT text FROM notes')).toEqual([]);
  expect((await data.notes.at(owner).list()).map(({ text }) => text).sort()).toEqual([
    'hello',
    'many',
  ]);
  await data.close();
});

it.each([false, true])(
  'rows of a table that was made anew after an owner had left go where the owner is (old one kept: %s)',
  async (keepOld) => {
    const owner = await departed(withoutNotes);
    await rebuild('addresses', keepOld);
    for (let start = 0; start < 2; start++) {
      const { data } = await cluster.openWith(withoutNotes);
      await data.addresses.insert({ user_id: owner, city: `after start ${start}` });
      await data.close();
    }
    expect(await citiesOn('eu-1')).toEqual([]);
    expect(await citiesOn('us-1')).toHaveLength(3);
    const triggers = await cluster.sql('eu-1', "SHOW TRIGGERS WHERE `Table` = 'addresses'");
    expect(triggers).toHaveLength(3);
    if (keepOld) await cluster.sql('eu-1', 'DROP TABLE _addresses_old');
  },
);

it("with systemTables: 'verify' a shard that lacks triggers is refused, and its script makes it whole", async () => {
  const owner = await departed(withoutNotes);
  await rebuild('addresses', false);
  const before = await cluster.sql('eu-1', 'SELECT fact, value FROM meridian_facts ORDER BY fact');
  const options = {
    systemTables: 'verify',
    topology: { ...cluster.topology(), epoch: 2 },
  } as const;
  const error = await failureOf(cluster.openWith(withoutNotes, options));
  expect(error).toMatchObject({
    code: 'MERIDIAN_CONFIG',
    message: expect.stringContaining("'addresses' would take their rows all the same"),
  });
  // Who is refused leaves nothing on record.
  expect(await cluster.sql('eu-1', 'SELECT fact, value FROM meridian_facts ORDER BY fact')).toEqual(
    before,
  );
  const script = /DELIMITER \/\/\n([\s\S]*) \/\/\nDELIMITER ;/.exec(String(error))?.[1] ?? '';
  for (const statement of script.split(' //\n')) {
    // One connection a statement: the lock is of no use to the test.
    if (statement.startsWith('CREATE')) await cluster.sql('eu-1', statement);
  }
  const { data } = await cluster.openWith(withoutNotes, options);
  await data.addresses.insert({ user_id: owner, city: 'after' });
  expect(await citiesOn('eu-1')).toEqual([]);
  await data.close();
});

it('a shard that nobody has left gets no triggers', async () => {
  await cluster.sql('eu-1', "DELETE FROM meridian_moves WHERE owner_table = 'users'");
  // Without the record of their moves they would be rows in the wrong place.
  await cluster.sql('us-1', 'DELETE FROM users');
  await rebuild('addresses', false);
  const { data } = await cluster.openWith(group);
  expect(await cluster.sql('eu-1', "SHOW TRIGGERS WHERE `Table` = 'addresses'")).toEqual([]);
  await data.close();
});
