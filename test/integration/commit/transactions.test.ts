import {
  ClosedError,
  type DataLayer,
  DuplicateKeyError,
  RolledBackError,
  RoutingError,
} from 'meridian';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountOn, failureOf, TestCluster } from '../../support/cluster.ts';
import { isMariadb } from '../../support/servers/server-flavor.ts';
import type { tables } from '../../support/tables.ts';

/** MariaDB shows the old content of innodb_trx to who asks again within 100 ms. */
const interval = 200;

let cluster: TestCluster;
let data: DataLayer<typeof tables>;
let account: string;
let elsewhere: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data } = await cluster.open({ pool: { connections: 2 } }));
  account = accountOn('tx-1', data.transactions);
  elsewhere = accountOn('tx-2', data.transactions);
});

afterAll(() => cluster.stop());

beforeEach(async () => {
  for (const shard of ['tx-1', 'tx-2'] as const)
    await cluster.sql(shard, 'DELETE FROM transactions');
});

const rows = () => cluster.sql('tx-1', 'SELECT account_id, cents FROM transactions ORDER BY cents');

describe('a transaction', () => {
  it('commits what its body wrote, and returns what the body returned', async () => {
    const read = await data.transactions.at(account).transaction(async (trx) => {
      const row = await trx.transactions.insert({ account_id: account, cents: 5n });
      await trx.execute('UPDATE transactions SET cents = cents + 1 WHERE id = ?', [row.id]);
      return trx.transactions.get(row.id);
    });
    expect(read).toMatchObject({ account_id: account, cents: 6n });
    expect(await rows()).toEqual([{ account_id: account, cents: '6' }]);
  });

  it('rolls back when its body throws, and throws the same error', async () => {
    const own = new Error('the caller changed its mind');
    const work = data.transactions.at(account).transaction(async (trx) => {
      await trx.transactions.insert({ account_id: account, cents: 5n });
      throw own;
    });
    expect(await failureOf(work)).toBe(own);
    expect(await rows()).toEqual([]);
  });

  it('refuses a row of another slot, on the same shard or not', async () => {
    const work = data.transactions.at(account).transaction(async (trx) => {
      await trx.transactions.insert({ account_id: account, cents: 1n });
      await trx.transactions.insert({ account_id: elsewhere, cents: 2n });
    });
    await expect(work).rejects.toThrow(RoutingError);
    const other = await data.transactions.insert({ account_id: elsewhere, cents: 3n });
    await expect(
      data.transactions.at(account).transaction((trx) => trx.transactions.get(other.id)),
    ).rejects.toThrow(/lives in slot/);
    expect(await rows()).toEqual([]);
  });

  it('reads for update what is newest, and keeps it as it is until its end', async () => {
    const { id } = await data.transactions.insert({ account_id: account, cents: 1n });
    const waiting = 'SELECT COUNT(*) AS n FROM information_schema.innodb_trx';
    let late: Promise<unknown> | undefined;
    await data.transactions.at(account).transaction(async (trx) => {
      const first = await trx.transactions.get(id);
      await data.transactions.update(id, { cents: 2n });
      expect(await trx.transactions.get(id)).toEqual(first);
      const newest = { ...first, cents: 2n };
      expect(await trx.transactions.get(id, { forUpdate: true })).toEqual(newest);
      expect(await trx.transactions.getMany([id], { forUpdate: true })).toEqual([newest]);
      late = data.transactions.update(id, { cents: 3n });
      await expect
        .poll(() => cluster.sql('tx-1', `${waiting} WHERE trx_state = 'LOCK WAIT'`), { interval })
        .toEqual([{ n: '1' }]);
      expect(await trx.transactions.get(id, { forUpdate: true })).toEqual(newest);
    });
    await late;
    expect(await data.transactions.get(id)).toMatchObject({ cents: 3n });
  });

  it('loses no change of many that read for update what they change', async () => {
    const { id } = await data.transactions.insert({ account_id: account, cents: 0n });
    const add = () =>
      data.transactions.at(account).transaction(async (trx) => {
        const row = await trx.transactions.get(id, { forUpdate: true });
        await trx.transactions.update(id, { cents: (row?.cents ?? 0n) + 1n });
      });
    await Promise.all(Array.from({ length: 20 }, add));
    expect(await rows()).toEqual([{ account_id: account, cents: '20' }]);
  });

  it('reads many rows in the order of their keys', async () => {
    const all = await data.transactions.insertMany(
      Array.from({ length: 300 }, (_, cents) => ({ account_id: account, cents: BigInt(cents) })),
    );
    const gone = data.transactions.newId({ account_id: account, cents: 0n });
    const other = await data.transactions.insert({ account_id: elsewhere, cents: 3n });
    await data.transactions.at(account).transaction(async (trx) => {
      const { transactions } = trx;
      const [first, second] = all;
      const keys = [...all.toReversed().map(({ id }) => id), gone, first?.id ?? ''];
      const expected = [...all.toReversed(), null, first];
      expect(await transactions.getMany(keys)).toEqual(expected);
      expect(await transactions.getMany(keys, { forUpdate: true })).toEqual(expected);
      expect(await transactions.getMany([])).toEqual([]);
      await expect(transactions.getMany([second?.id ?? '', other.id])).rejects.toThrow(
        RoutingError,
      );
    });
  });

  it('locks many rows in one order, whatever order they are asked for in', async () => {
    const row = { account_id: account, cents: 0n };
    const stored = await data.transactions.insertMany(Array.from({ length: 5_000 }, () => row));
    // Two statements' worth, for within one the server has an order of its own; and of many rows, for of
    // few it would read and lock all.
    const keys = stored.slice(0, 512).map(({ id }) => id);
    const lock = (ids: readonly string[]) =>
      data.transactions
        .at(account)
        .transaction((trx) => trx.transactions.getMany(ids, { forUpdate: true }));
    const turns = Array.from({ length: 40 }, (_, turn) =>
      lock(turn % 2 ? keys : keys.toReversed()),
    );
    for (const found of await Promise.all(turns)) expect(found).toHaveLength(512);
  });

  it('refuses statements after its end', async () => {
    let leaked: (() => Promise<unknown>) | undefined;
    await data.transactions.at(account).transaction(async (trx) => {
      leaked = () => trx.transactions.insert({ account_id: account, cents: 9n });
    });
    await expect(leaked?.()).rejects.toThrow(ClosedError);
    expect(await rows()).toEqual([]);
  });

  it('refuses a statement that would commit it', async () => {
    for (const sql of ['COMMIT', 'BEGIN', 'CREATE TABLE x (a INT)', 'SET autocommit = 1']) {
      const work = data.transactions.at(account).transaction((trx) => trx.execute(sql));
      await expect(work).rejects.toThrow(RoutingError);
    }
  });

  it('can catch a duplicate key and go on', async () => {
    const first = await data.transactions.insert({ account_id: account, cents: 1n });
    await data.transactions.at(account).transaction(async (trx) => {
      const again = trx.transactions.insert({ ...first, cents: 2n });
      await expect(again).rejects.toThrow(DuplicateKeyError);
      await trx.transactions.insert({ account_id: account, cents: 3n });
    });
    expect(await rows()).toMatchObject([{ cents: '1' }, { cents: '3' }]);
  });

  it('leaves no transaction open on a connection, whenever its caller aborts', async () => {
    for (let steps = 0; steps < 12; steps++) {
      const controller = new AbortController();
      const work = data.transactions.at(account).transaction(
        async (trx) => {
          await trx.transactions.insert({ account_id: account, cents: 1n });
          void microtasks(steps).then(() => controller.abort());
        },
        { signal: controller.signal },
      );
      await work.catch(() => undefined);
      // MySQL has no variable for it, but shows what is open to its administrator.
      const open = isMariadb ? '@@in_transaction' : '0';
      const states = await Promise.all(
        [1, 2].map(() =>
          data.transactions.at(account).query(`SELECT ${open} AS open, SLEEP(0.01)`),
        ),
      );
      expect(
        states.flat().map(({ open }) => Number(open)),
        `after ${steps} microtasks`,
      ).toEqual([0, 0]);
      await expect
        .poll(() => cluster.sql('tx-1', 'SELECT trx_id FROM information_schema.innodb_trx'), {
          interval,
        })
        .toEqual([]);
    }
  });
});

describe('after a deadlock', () => {
  /** Two transactions that lock two rows in opposite orders; the one that lost is returned. */
  async function deadlock(afterwards?: 'catch') {
    const one = await data.transactions.insert({ account_id: account, cents: 10n });
    const two = await data.transactions.insert({ account_id: account, cents: 20n });
    let waiting = 0;
    let release = () => {};
    const both = new Promise<void>((resolve) => {
      release = resolve;
    });
    const run = (first: string, second: string, cents: bigint) =>
      data.transactions.at(account).transaction(async (trx) => {
        await trx.transactions.update(first, { cents });
        if (++waiting === 2) release();
        await both;
        try {
          await trx.transactions.update(second, { cents });
        } catch (error) {
          if (afterwards === undefined) throw error;
        }
        await trx.transactions.insert({ account_id: account, cents });
      });
    return Promise.allSettled([run(one.id, two.id, 100n), run(two.id, one.id, 200n)]);
  }

  it('the transaction that lost is a RolledBackError that may be run again', async () => {
    const results = await deadlock();
    const lost = results.filter((result) => result.status === 'rejected');
    expect(lost).toHaveLength(1);
    expect(lost[0]?.reason).toBeInstanceOf(RolledBackError);
    expect(lost[0]?.reason).toMatchObject({ retryable: true, outcome: 'not-applied' });
    expect(await rows()).toHaveLength(3);
  });

  it('a body that swallows the error can not commit the rest of its work', async () => {
    const results = await deadlock('catch');
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await rows()).toHaveLength(3);
  });
});

async function microtasks(count: number): Promise<void> {
  for (let step = 0; step < count; step++) await undefined;
}
