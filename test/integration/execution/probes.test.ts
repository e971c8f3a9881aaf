import type { ChaosProxy } from 'meridian/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountOn, failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { numbers } from '../../support/tables/numbers.ts';
import type { tables } from '../../support/tables.ts';

let cluster: TestCluster;
let proxy: ChaosProxy;
let opened: Opened<typeof tables>;
let account: string;

beforeAll(async () => {
  cluster = await TestCluster.start();
  const { proxy: before, url } = await cluster.proxy('tx-1');
  proxy = before;
  opened = await cluster.open({
    topology: cluster.topology({ 'tx-1': url }),
    breaker: { failures: 2, openMs: 20 },
    retry: { attempts: 1 },
  });
  account = accountOn('tx-1', opened.data.transactions);
});

afterAll(() => cluster.stop());

const shard = () => opened.data.transactions.at(account);
const one = () => shard().query("SELECT 'one' AS one");

it('a long stream that happens to be the probe does not keep others out', async () => {
  const refuse = proxy.refuse();
  proxy.reset();
  await eventually(async () => {
    await failureOf(one());
    expect(opened.events).toContainEqual(
      expect.objectContaining({ type: 'breaker', guard: 'tx-1/primary', state: 'open' }),
    );
  });
  refuse.undo();
  const rows = await eventually(async () => {
    const stream = shard().stream(`SELECT seq FROM ${numbers(6)}`);
    await stream.next();
    return stream;
  });
  // The stream has rows, so the shard is well: others may come while it goes on.
  expect(await one()).toEqual([{ one: 'one' }]);
  await rows.return();
  expect(await one()).toEqual([{ one: 'one' }]);
});
