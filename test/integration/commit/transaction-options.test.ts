import { ClosedError, type DataLayer, RolledBackError } from 'meridian';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountOn, failureOf, TestCluster } from '../../support/cluster.ts';
import { isMariadb } from '../../support/servers/server-flavor.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let data: DataLayer<typeof tables>;
let account: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data } = await cluster.open());
  account = accountOn('tx-1', data.transactions);
});

afterAll(() => cluster.stop());

beforeEach(() => cluster.sql('tx-1', 'DELETE FROM transactions').then(() => undefined));

const stored = async () => {
  const rows = await cluster.sql('tx-1', 'SELECT cents FROM transactions ORDER BY cents');
  return rows.map(({ cents }) => Number(cents));
};
const at = () => data.transactions.at(account);
const row = (cents: number) => ({ account_id: account, cents: BigInt(cents) });
const change = 'UPDATE transactions SET cents = cents + 10 WHERE id = ?';

describe('retries', () => {
  /** Two transactions that change two rows in opposite order, both at once. */
  const deadlock = async (retries: number) => {
    const [a, b] = await Promise.all([
      data.transactions.insert(row(1)),
      data.transactions.insert(row(2)),
    ]);
    let runs = 0;
    let arrived = 0;
    let open = () => {};
    const both = new Promise<void>((resolve) => {
      open = resolve;
    });
    const swap = (first: string, second: string) =>
      at().transaction(
        async (trx) => {
          runs++;
          await trx.execute(change, [first], { touches: 'none' });
          if (++arrived === 2) open();
          await both;
          await trx.execute(change, [second], { touches: 'none' });
        },
        { retries },
      );
    const results = await Promise.allSettled([swap(a.id, b.id), swap(b.id, a.id)]);
    return { runs, failures: results.flatMap((one) => ('reason' in one ? [one.reason] : [])) };
  };

  it('run the whole function again after a deadlock', async () => {
    const { runs, failures } = await deadlock(3);
    expect(failures).toEqual([]);
    expect(runs).toBe(3);
    expect(await stored()).toEqual([21, 22]);
  });

  it('are none unless asked for', async () => {
    const { runs, failures } = await deadlock(0);
    expect(runs).toBe(2);
    expect(failures).toEqual([expect.any(RolledBackError)]);
    expect(await stored()).toEqual([11, 12]);
  });

  it('look at what the function made of the rollback', async () => {
    let runs = 0;
    const lost = new RolledBackError('a deadlock, say');
    const result = await at().transaction(
      async (trx) => {
        await trx.transactions.insert(row(++runs));
        if (runs === 1) throw new Error('my own words', { cause: lost });
        return 'done';
      },
      { retries: 1 },
    );
    expect(result).toBe('done');
    expect(await stored()).toEqual([2]);
  });

  it('are not spent on errors of the function', async () => {
    let runs = 0;
    const error = await failureOf(
      at().transaction(
        async () => {
          runs++;
          throw new Error('mine');
        },
        { retries: 5 },
      ),
    );
    expect(error).toMatchObject({ message: 'mine' });
    expect(runs).toBe(1);
  });

  it('must make sense', async () => {
    for (const retries of [-1, 1.5, Number.NaN, 101]) {
      const error = await failureOf(at().transaction(async () => 1, { retries }));
      expect(error).toMatchObject({ code: 'MERIDIAN_CONFIG' });
    }
  });
});

describe('isolation', () => {
  const seen = (isolation: 'READ COMMITTED' | 'REPEATABLE READ') =>
    at().transaction(
      async (trx) => {
        const before = await trx.query('SELECT cents FROM transactions');
        await data.transactions.insert(row(1));
        const after = await trx.query('SELECT cents FROM transactions');
        return [before.length, after.length];
      },
      { isolation },
    );

  it('is what was asked for, and only for this transaction', async () => {
    expect(await seen('READ COMMITTED')).toEqual([0, 1]);
    expect(await seen('REPEATABLE READ')).toEqual([1, 1]);
    const name = isMariadb ? 'tx_isolation' : 'transaction_isolation';
    const [level] = await at().query(`SELECT @@${name} AS level`);
    expect(level).toEqual({ level: 'REPEATABLE-READ' });
  });

  it('is a level of the standard', async () => {
    const isolation = 'SNAPSHOT; DROP TABLE transactions' as 'SERIALIZABLE';
    const error = await failureOf(at().transaction(async () => 1, { isolation }));
    expect(error).toMatchObject({ code: 'MERIDIAN_CONFIG' });
  });
});

describe('a savepoint', () => {
  it('undoes what was done in it, and the transaction goes on', async () => {
    await at().transaction(async (trx) => {
      await trx.transactions.insert(row(1));
      const error = await failureOf(
        trx.savepoint(async (nested) => {
          await nested.transactions.insert(row(2));
          throw new Error('not this');
        }),
      );
      expect(error).toMatchObject({ message: 'not this' });
      expect(
        await trx.savepoint((nested) => nested.query('SELECT cents FROM transactions')),
      ).toHaveLength(1);
      await trx.transactions.insert(row(3));
    });
    expect(await stored()).toEqual([1, 3]);
  });

  it('may hold another one', async () => {
    await at().transaction(async (trx) => {
      await trx.savepoint(async (outer) => {
        await outer.transactions.insert(row(1));
        await failureOf(
          outer.savepoint(async (inner) => {
            await inner.transactions.insert(row(2));
            throw new Error('undone');
          }),
        );
        await outer.transactions.insert(row(3));
      });
    });
    expect(await stored()).toEqual([1, 3]);
  });

  it('lets a duplicate key pass', async () => {
    const known = await data.transactions.insert(row(1));
    await at().transaction(async (trx) => {
      const insert = trx.savepoint((nested) => nested.transactions.insert(known));
      expect(await failureOf(insert)).toMatchObject({ code: 'MERIDIAN_DUPLICATE_KEY' });
      await trx.transactions.insert(row(2));
    });
    expect(await stored()).toEqual([1, 2]);
  });

  it('keeps the outer handle from being used in it, and its own after it', async () => {
    await at().transaction(async (trx) => {
      let escaped: typeof trx | undefined;
      await trx.savepoint(async (nested) => {
        escaped = nested;
        expect(await failureOf(trx.query('SELECT 1'))).toBeInstanceOf(ClosedError);
        expect(await failureOf(trx.savepoint(async () => 1))).toBeInstanceOf(ClosedError);
        await nested.transactions.insert(row(1));
      });
      expect(await failureOf(Promise.resolve(escaped?.query('SELECT 1')))).toBeInstanceOf(
        ClosedError,
      );
      await trx.savepoint(async () => {
        expect(await failureOf(Promise.resolve(escaped?.query('SELECT 1')))).toBeInstanceOf(
          ClosedError,
        );
      });
    });
    expect(await stored()).toEqual([1]);
  });

  it('that nobody awaited rolls the transaction back', async () => {
    let inner: Promise<unknown> = Promise.resolve();
    const error = await failureOf(
      at().transaction(async (trx) => {
        await trx.transactions.insert(row(1));
        inner = failureOf(trx.savepoint((nested) => nested.transactions.insert(row(2))));
      }),
    );
    expect(error).toBeInstanceOf(ClosedError);
    await inner.catch(() => undefined);
    expect(await stored()).toEqual([]);
  });
});

describe('what is not awaited', () => {
  it('rolls the transaction back, also when it is between two statements', async () => {
    const error = await failureOf(
      at().transaction(async (trx) => {
        void trx.transactions.insert(row(1));
      }),
    );
    expect(error).toBeInstanceOf(ClosedError);
    expect(await stored()).toEqual([]);
  });

  it('a handle does nothing after the end', async () => {
    let escaped: { query(sql: string): Promise<unknown> } | undefined;
    await at().transaction(async (trx) => {
      escaped = trx;
    });
    expect(await failureOf(Promise.resolve(escaped?.query('SELECT 1')))).toBeInstanceOf(
      ClosedError,
    );
  });

  it('a function that never settles ends with the deadline, and holds no lock', async () => {
    const { id } = await data.transactions.insert(row(1));
    const error = await failureOf(
      at().transaction(
        async (trx) => {
          await trx.execute(change, [id], { touches: 'none' });
          await new Promise(() => {});
        },
        { timeoutMs: 150, retries: 3 },
      ),
    );
    expect(error).toMatchObject({ code: 'MERIDIAN_TIMEOUT', outcome: 'not-applied' });
    await data.transactions.update(id, { cents: 5n });
    expect(await stored()).toEqual([5]);
  });

  it('a signal that has fired before keeps the function from running', async () => {
    let runs = 0;
    const body = async () => {
      runs++;
    };
    const error = await failureOf(at().transaction(body, { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: 'MERIDIAN_ABORTED', outcome: 'not-applied' });
    expect(runs).toBe(0);
  });
});
