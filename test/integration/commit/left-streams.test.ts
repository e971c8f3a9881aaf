import { type DataLayer, StatementError } from 'meridian';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let data: DataLayer<typeof tables>;

beforeAll(async () => {
  cluster = await TestCluster.start();
  ({ data } = await cluster.open({ pool: { connections: 4 } }));
});

afterAll(() => cluster.stop());

it('A2: a wrong statement on every shard is one StatementError, and ends nobody’s process', async () => {
  for (let round = 0; round < 60; round++) {
    const work = data.transactions.everywhere.query('SELECT nope FROM transactions');
    expect(await failureOf(work)).toBeInstanceOf(StatementError);
  }
});

it('A2: so is one that is streamed and left at once', async () => {
  for (let round = 0; round < 60; round++) {
    const rows = data.transactions.at('a').stream('SELECT nope FROM transactions');
    const first = rows.next();
    await Promise.allSettled([first, rows.return(undefined)]);
  }
});
