import { DuplicateKeyError, PartialWriteError, RoutingError } from 'meridian';
import { newId, uuidToBytes } from 'meridian/sharding';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { accountOn, failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let opened: Opened<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  opened = await cluster.open();
});

afterAll(() => cluster.stop());

beforeEach(async () => {
  for (const shard of ['tx-1', 'tx-2'] as const)
    await cluster.sql(shard, 'DELETE FROM transactions');
});

const users = () => opened.data.users;
const transactions = () => opened.data.transactions;
const absent = (id: string) => id.replace(/.$/, (last) => (last === 'f' ? '0' : 'f'));
const countOn = async (shard: 'tx-1' | 'tx-2') =>
  (await cluster.sql(shard, 'SELECT id FROM transactions')).length;

it('a row is on the shard that explain() names, and on no other', async () => {
  for (const country of ['DE', 'US', 'FR', 'BR']) {
    const row = await users().insert({ country, name: 'Ada' });
    const { shard, reason } = users().explain(row.id);
    expect(shard).toBe(country === 'DE' || country === 'FR' ? 'eu-1' : 'us-1');
    expect(reason).toBe('id');
    for (const other of ['eu-1', 'us-1'] as const) {
      const found = await cluster.sql(other, 'SELECT name FROM users WHERE id = UNHEX(?)', [
        row.id.replaceAll('-', ''),
      ]);
      expect(found).toHaveLength(other === shard ? 1 : 0);
    }
  }
  for (let number = 0; number < 20; number++) {
    const account = `account-${number}`;
    const row = await transactions().insert({ account_id: account, cents: 1n });
    expect(transactions().explain(row.id).slot).toBe(transactions().explain(account).slot);
    const shard = transactions().explain(account).shard === 'tx-1' ? 'tx-1' : 'tx-2';
    expect(
      await cluster.sql(shard, 'SELECT cents FROM transactions WHERE id = ?', [row.id]),
    ).toHaveLength(1);
  }
});

it('update and delete tell how many rows they matched', async () => {
  const { id } = await users().insert({ country: 'DE', name: 'Ada' });
  expect(await users().update(id, { name: 'Ada' })).toMatchObject({ affected: 1 });
  expect(await users().update(absent(id), { name: 'Ada' })).toMatchObject({ affected: 0 });
  expect(await users().delete(id)).toMatchObject({ affected: 1, invalidation: 'done' });
  expect(await users().delete(id)).toMatchObject({ affected: 0 });
  expect(await users().get(id)).toBeNull();
});

it('an id of another slot, keyspace or system is refused', async () => {
  const account = accountOn('tx-1', transactions());
  const { slot } = transactions().explain(account);
  const otherSlot = newId(2, (slot + 1) % 16_384);
  const stranger = newId(9, slot);
  for (const id of [otherSlot, stranger, '018f3c5e-1111-4222-8333-444455556666']) {
    const insert = transactions().insert({ id, account_id: account, cents: 1n });
    expect(await failureOf(insert)).toBeInstanceOf(RoutingError);
  }
  const { id } = await users().insert({ country: 'US', name: 'Ada' });
  expect(await failureOf(users().insert({ id, country: 'DE', name: 'Ada' }))).toBeInstanceOf(
    RoutingError,
  );
  expect(await failureOf(transactions().get(id))).toBeInstanceOf(RoutingError);
});

it('a change of what places a row is refused, a harmless one is not', async () => {
  const { id } = await users().insert({ country: 'DE', name: 'Ada' });
  expect(await users().update(id, { country: 'FR' })).toMatchObject({ affected: 1 });
  expect(await failureOf(users().update(id, { country: 'US' }))).toBeInstanceOf(RoutingError);
  const row = await transactions().insert({ account_id: 'a', cents: 1n });
  for (const patch of [{ id: row.id }, { account_id: 'b' }]) {
    const update = transactions().update(row.id, { cents: 2n, ...patch });
    expect(await failureOf(update)).toBeInstanceOf(RoutingError);
  }
  expect(await transactions().get(row.id)).toEqual(row);
});

it('getMany keeps order, repeats and gaps, and asks each shard once', async () => {
  const rows = await transactions().insertMany(
    Array.from({ length: 40 }, (_, index) => ({ account_id: `a${index}`, cents: BigInt(index) })),
  );
  const [first] = rows;
  if (first === undefined) throw new TypeError('forty were stored');
  const keys = [...rows.map(({ id }) => id), absent(first.id), first.id, first.id.toUpperCase()];
  const before = await selects();
  expect(await transactions().getMany(keys)).toEqual([...rows, null, first, first]);
  expect(await selects()).toBe(before + 2);
  expect(await transactions().getMany([])).toEqual([]);
});

/** Prepared statements that the two ledger shards have executed. */
async function selects(): Promise<number> {
  let sum = 0;
  for (const shard of ['tx-1', 'tx-2'] as const) {
    const [status] = await cluster.sql(shard, "SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'");
    sum += Number(status?.Value);
  }
  return sum;
}

it('getMany asks the database only for what the cache lacks', async () => {
  const rows = [];
  for (const name of ['a', 'b', 'c']) rows.push(await users().insert({ country: 'DE', name }));
  const ids = rows.map(({ id }) => id);
  await users().get(ids[1] ?? '');
  const from = opened.events.length;
  expect(await users().getMany(ids)).toEqual(rows);
  const asked = opened.events.slice(from).filter(({ type }) => type === 'cache');
  expect(asked).toContainEqual(expect.objectContaining({ result: 'memory', keys: 1 }));
  expect(asked).toContainEqual(expect.objectContaining({ result: 'miss', keys: 2 }));
});

it('insertMany stores many rows and returns them in order', async () => {
  const account = accountOn('tx-1', transactions());
  const rows = await transactions().insertMany(
    Array.from({ length: 1_000 }, (_, index) => ({ account_id: account, cents: BigInt(index) })),
  );
  expect(rows.map(({ cents }) => Number(cents))).toEqual([...rows.keys()]);
  expect(await countOn('tx-1')).toBe(1_000);
  expect(new Set(rows.map(({ id }) => id)).size).toBe(1_000);
  expect(await transactions().insertMany([])).toEqual([]);
});

it('insertMany is all or nothing on each shard, and says which', async () => {
  const here = accountOn('tx-1', transactions());
  const there = accountOn('tx-2', transactions());
  const taken = await transactions().insert({ account_id: here, cents: 0n });
  for (const count of [10, 300]) {
    await cluster.sql('tx-2', 'DELETE FROM transactions');
    const rows = Array.from({ length: count }, (_, index) => ({
      account_id: index % 2 === 0 ? here : there,
      cents: BigInt(index),
    }));
    // The duplicate comes last, so that everything before it has to be undone.
    const error = await failureOf(transactions().insertMany([...rows, { ...taken, cents: 9n }]));
    if (!(error instanceof PartialWriteError)) throw error;
    expect(error.outcome).toBe('applied');
    expect(error.results).toContainEqual(
      expect.objectContaining({ shard: 'tx-1', outcome: 'not-applied', rows: 0 }),
    );
    expect(error.results).toContainEqual(
      expect.objectContaining({ shard: 'tx-2', outcome: 'applied', rows: count / 2 }),
    );
    expect(await countOn('tx-1')).toBe(1);
    expect(await countOn('tx-2')).toBe(count / 2);
  }
});

it('a duplicate on the only shard is a plain DuplicateKeyError', async () => {
  const taken = await transactions().insert({ account_id: 'a', cents: 0n });
  expect(await failureOf(transactions().insertMany([taken]))).toBeInstanceOf(DuplicateKeyError);
  expect(await failureOf(transactions().insert(taken))).toMatchObject({
    code: 'MERIDIAN_DUPLICATE_KEY',
    context: { key: 'PRIMARY' },
  });
});

it('a raw change of a keyspace with a cache must say what it touches', async () => {
  const ada = await users().insert({ country: 'DE', name: 'Ada' });
  await users().get(ada.id);
  const sql = "UPDATE users SET name = 'Grace' WHERE id = ?";
  const ids = [uuidToBytes(ada.id)];
  expect(await failureOf(users().at(ada.id).execute(sql, ids))).toBeInstanceOf(RoutingError);
  const misspelt = JSON.parse('{"touches":{"usres":[]}}');
  expect(await failureOf(users().at(ada.id).execute(sql, ids, misspelt))).toMatchObject({
    message: expect.stringMatching(/did you mean 'users'/),
  });
  await users()
    .at(ada.id)
    .execute(sql, ids, { touches: { users: [ada.id] } });
  expect(await users().get(ada.id)).toMatchObject({ name: 'Grace' });
});
