import type { Observer, Trace } from 'meridian';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { accountOn, type Opened, TestCluster } from '../../support/cluster.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start();
});

afterAll(() => cluster.stop());

const broken = (): never => {
  throw new Error('broken');
};
const working: Trace = {
  step: () => working,
  run: (work) => work(),
  link: () => {},
  end: () => {},
  endCall: () => {},
};

it.each(['step', 'run', 'link', 'end', 'endCall'] as const)(
  'calls are what they would be where who follows them throws in %s',
  async (method) => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const trace: Trace = { ...working, step: () => trace, [method]: broken };
    const observer: Observer = Object.assign(() => {}, { trace: () => trace });
    const { data }: Opened<typeof tables> = await cluster.open({ observers: [observer] });
    const account = accountOn('tx-1', data.transactions, method);
    const rows = await data.transactions.insertMany(
      [1n, 2n, 3n].map((cents) => ({ account_id: account, cents })),
    );
    const read = await Promise.all(rows.map(({ id }) => data.transactions.get(id)));
    expect(read).toEqual(rows);
    const user = await data.users.insert({ country: 'DE', name: 'Ada' });
    await data.users.update(user.id, { name: 'Grace' });
    expect(await Promise.all([0, 1].map(() => data.users.get(user.id)))).toMatchObject([
      { name: 'Grace' },
      { name: 'Grace' },
    ]);
    await data.transactions.at(account).transaction(async (trx) => {
      await trx.transactions.insert({ account_id: account, cents: 4n });
    });
    const cents: unknown[] = [];
    for await (const row of data.transactions
      .at(account)
      .stream('SELECT cents FROM transactions')) {
      cents.push(row.cents);
    }
    expect(cents.length).toBeGreaterThanOrEqual(4);
    await data.close();
    const told = warned.mock.calls.filter(([said]) => String(said).includes('broken'));
    expect(told.length).toBe(1);
    warned.mockRestore();
  },
);
