import { ClosedError, type DataLayer, RolledBackError } from 'meridian';
import type { Connection } from 'mysql2/promise';
import mysql from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountOn, failureOf, TestCluster } from '../../support/cluster.ts';
import { createMembers, directoryKey, members, nobody } from '../../support/tables/members.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let data: DataLayer<typeof tables>;
let account: string;
let rival: Connection;

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data } = await cluster.open({ pool: { connections: 4 } }));
  account = accountOn('tx-1', data.transactions);
});

afterAll(() => cluster.stop());

beforeEach(async () => {
  await cluster.sql('tx-1', 'DELETE FROM transactions');
  rival = await mysql.createConnection(cluster.cluster.shards['tx-1'].primary.adminUrl);
});

afterEach(() => rival.end());

const cents = async () =>
  (await cluster.sql('tx-1', 'SELECT cents FROM transactions ORDER BY cents')).map((row) =>
    Number(row.cents),
  );

/** Not from innodb_trx: MariaDB shows its old content to who asks again within 100 ms. */
const waiting = async () => {
  const [row] = await cluster.sql('tx-1', "SHOW STATUS LIKE 'Innodb_row_lock_current_waits'");
  return Number(row?.Value);
};

/** Two rows, and a rival of many changes who holds the second: whoever waits for it is the victim. */
async function rows() {
  const a = await data.transactions.insert({ account_id: account, cents: 1n });
  const b = await data.transactions.insert({ account_id: account, cents: 2n });
  await rival.query('BEGIN');
  // The server ends the transaction that has changed less.
  await rival.query(
    `INSERT INTO transactions (id, account_id, cents)
     SELECT UUID(), 'rival', 1 FROM information_schema.collations LIMIT 50`,
  );
  await rival.query('UPDATE transactions SET cents = 20 WHERE id = ?', [b.id]);
  return { a, b };
}

/** Closes the circle once the victim waits. */
async function deadlock(a: { id: string }) {
  await expect.poll(waiting).toBe(1);
  await rival.query('UPDATE transactions SET cents = 10 WHERE id = ?', [a.id]);
  await rival.query('COMMIT');
}

describe('statements that are awaited together', () => {
  it('A1: nothing of a transaction is stored whose statement was a deadlock’s victim', async () => {
    const { a, b } = await rows();
    const work = data.transactions.at(account).transaction(async (trx) => {
      await trx.transactions.update(a.id, { cents: 100n });
      await Promise.all([
        trx.transactions.update(b.id, { cents: 200n }),
        trx.transactions.insert({ account_id: account, cents: 5_000n }),
      ]);
    });
    const [failure] = await Promise.all([failureOf(work), deadlock(a)]);
    expect(failure).toBeInstanceOf(RolledBackError);
    expect(await cents()).not.toContain(5_000);
  });

  it.each([
    ['with retries', { retries: 5 }],
    ['under an idempotency key', { retries: 5, idempotencyKey: 'charge' }],
  ])('A1: the charge of a repeated transaction is stored once, %s', async (_, options) => {
    const { a, b } = await rows();
    const work = data.transactions.at(account).transaction(async (trx) => {
      await trx.transactions.update(a.id, { cents: 100n });
      await Promise.all([
        trx.transactions.update(b.id, { cents: 200n }),
        trx.transactions.insert({ account_id: account, cents: 5_000n }),
      ]);
    }, options);
    await Promise.all([work, deadlock(a)]);
    expect((await cents()).filter((stored) => stored >= 100)).toEqual([100, 200, 5_000]);
  });

  it('A1: a statement that nobody awaits is not sent once its transaction has ended', async () => {
    const { a, b } = await rows();
    const work = data.transactions.at(account).transaction(async (trx) => {
      await trx.transactions.update(a.id, { cents: 100n });
      const victim = trx.transactions.update(b.id, { cents: 200n });
      void trx.transactions.insert({ account_id: account, cents: 5_000n });
      await victim;
    });
    const [failure] = await Promise.all([failureOf(work), deadlock(a)]);
    expect(failure).toBeInstanceOf(RolledBackError);
    expect(await cents()).not.toContain(5_000);
  });

  it('A1: statements run in the order in which they were asked for', async () => {
    const results = await data.transactions.at(account).transaction(async (trx) => {
      const { id } = await trx.transactions.insert({ account_id: account, cents: 1n });
      return Promise.all([
        trx.transactions.get(id),
        trx.transactions.update(id, { cents: 2n }),
        trx.transactions.get(id),
        trx.savepoint((inner) => inner.transactions.update(id, { cents: 3n })),
      ]);
    });
    expect(results).toMatchObject([{ cents: 1n }, { affected: 1 }, { cents: 2n }, { affected: 1 }]);
    expect(await cents()).toEqual([3]);
  });

  it('A1: a statement that failed and that nobody awaited fails its transaction', async () => {
    const work = data.transactions.at(account).transaction(async (trx) => {
      const { id } = await trx.transactions.insert({ account_id: account, cents: 1n });
      void trx.transactions.insert({ id, account_id: account, cents: 2n });
      await trx.transactions.get(id);
      await trx.transactions.get(id);
    });
    const failure = await failureOf(work);
    expect(failure).toBeInstanceOf(ClosedError);
    expect(failure).toMatchObject({ cause: { code: 'MERIDIAN_DUPLICATE_KEY' } });
    expect(await cents()).toEqual([]);
  });

  it('A1: a statement of a savepoint that was undone does not come after it', async () => {
    let late: Promise<unknown> | undefined;
    await data.transactions.at(account).transaction(async (trx) => {
      const { id } = await trx.transactions.insert({ account_id: account, cents: 1n });
      const work = trx.savepoint(async (inner) => {
        const twice = inner.transactions.insert({ id, account_id: account, cents: 2n });
        late = Promise.allSettled([
          inner.transactions.insert({ account_id: account, cents: 3n }),
          twice.catch(() => inner.transactions.insert({ account_id: account, cents: 4n })),
        ]);
        await twice;
      });
      expect(await failureOf(work)).toMatchObject({ code: 'MERIDIAN_DUPLICATE_KEY' });
    });
    await late;
    expect(await cents()).toEqual([1]);
  });

  it('A1: operations run whole, each after those that were asked for before it', async () => {
    const change = 'UPDATE transactions SET cents = cents * 2 WHERE account_id = ?';
    await data.transactions
      .at(account)
      .transaction((trx) =>
        Promise.all([
          trx.transactions.insert({ account_id: account, cents: 100n }),
          trx.execute(change, [account], { touches: 'none' }),
          trx.savepoint((inner) => inner.execute(change, [account], { touches: 'none' })),
        ]),
      );
    expect(await cents()).toEqual([400]);
  });

  it('A1: a savepoint that failed and that nobody awaited fails its transaction', async () => {
    const failure = await failureOf(
      data.transactions.at(account).transaction(async (trx) => {
        const { id } = await trx.transactions.insert({ account_id: account, cents: 1n });
        const over = new Promise<void>((resolve) => {
          void trx.savepoint(async (inner) => {
            await inner.transactions.insert({ account_id: account, cents: 2n });
            resolve();
            await inner.transactions.insert({ id, account_id: account, cents: 3n });
          });
        });
        await over;
        // Refused while the savepoint is open: its end is waited for without awaiting it.
        await expect.poll(() => trx.transactions.get(id).then(Boolean, () => false)).toBe(true);
      }),
    );
    expect(failure).toBeInstanceOf(ClosedError);
    expect(failure).toMatchObject({ cause: { code: 'MERIDIAN_DUPLICATE_KEY' } });
    expect(await cents()).toEqual([]);
  });
});

describe('changes of unique values that are awaited together', () => {
  let unique: DataLayer<{ members: typeof members }>;

  beforeAll(async () => {
    await createMembers(cluster);
    const { proxy, url } = await cluster.proxy('eu-1');
    ({ data: unique } = await cluster.openWith(
      { members },
      {
        redis: false,
        topology: cluster.topology({ 'eu-1': url }),
        directory: { keyspace: 'ledger', keys: [directoryKey] },
      },
    ));
    // Time enough for one to come between the statements of another.
    proxy.latency(5);
  });

  it.each([
    ['to nothing and back', { phone: null }, { phone: '7' }],
    ['away and back', { phone: '8' }, { phone: '7' }],
    ['away and something else', { phone: '8' }, { name: 'second' }],
  ])('A1: %s leave the row and its entry in step', async (_, first, second) => {
    const row = await unique.members.insert({ ...nobody, country: 'DE', phone: '7' });
    await unique.members
      .at(row.id)
      .transaction((trx) =>
        Promise.all([
          trx.members.update(row.id, { name: 'first', ...first }),
          trx.query('SELECT 1').then(() => trx.members.update(row.id, second)),
        ]),
      );
    const expected = { ...row, name: 'first', ...first, ...second };
    expect(await unique.members.get(row.id)).toEqual(expected);
    expect(await unique.members.by('phone', expected.phone ?? '').get()).toEqual(expected);
    const taken = unique.members.insert({ ...nobody, country: 'US', phone: expected.phone });
    expect(await failureOf(taken)).toMatchObject({ code: 'MERIDIAN_DUPLICATE_KEY' });
    await unique.members.delete(row.id);
  });
});
