import type { DataLayer } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let open: DataLayer<typeof tables>;
let discreet: DataLayer<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data: open } = await cluster.open({ debugErrors: true }));
  ({ data: discreet } = await cluster.open());
});

afterAll(() => cluster.stop());

const owner = 'account-1';
const misspelt = "SELECT 1 FRM 'hunter2'";
const unfit = "UPDATE transactions SET cents = 'hunter2' WHERE account_id = ? OR cents = 'hunter2'";

const failures: [what: string, run: (data: DataLayer<typeof tables>) => Promise<unknown>][] = [
  ['a query', ({ transactions }) => transactions.at(owner).query(misspelt)],
  ['everywhere', ({ transactions }) => transactions.everywhere.each(misspelt)],
  [
    'a transaction',
    ({ transactions }) => transactions.at(owner).transaction((trx) => trx.query(misspelt)),
  ],
  [
    'a value',
    async ({ transactions }) => {
      await transactions.insert({ account_id: owner, cents: 1n });
      return transactions.at(owner).execute(unfit, [owner]);
    },
  ],
];

it.each(failures)('the server’s own text is told only with debugErrors: %s', async (_, run) => {
  const told = await failureOf(run(open));
  expect(told).toMatchObject({
    code: 'MERIDIAN_STATEMENT',
    message: expect.stringMatching(/syntax error near ''hunter2''|value: 'hunter2'/),
  });
  const untold = await failureOf(run(discreet));
  expect(untold).toMatchObject({ code: 'MERIDIAN_STATEMENT' });
  expect(String(untold)).not.toContain('hunter2');
});
