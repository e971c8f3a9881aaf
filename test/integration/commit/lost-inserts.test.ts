import { AbortedError, TimeoutError, UnknownOutcomeError } from 'meridian';
import type { ChaosProxy } from 'meridian/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { accountOn, failureOf, type Opened, TestCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
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
    pool: { connections: 1 },
    breaker: { failures: 1_000 },
  });
  account = accountOn('tx-1', opened.data.transactions);
});

afterAll(() => cluster.stop());

const transactions = () => opened.data.transactions;
const ids = async () =>
  (await cluster.sql('tx-1', 'SELECT id FROM transactions WHERE cents = 2')).map(({ id }) => id);

beforeEach(async () => {
  await cluster.sql('tx-1', 'DELETE FROM transactions');
  // The connection is open and the statement prepared: what follows is the one message of it.
  await eventually(() => transactions().insert({ account_id: account, cents: 1n }), {
    timeout: 10_000,
  });
});

afterEach(() => proxy.heal());

/** The id in the error is that of the row, which did arrive. */
async function expectNamed(error: unknown): Promise<void> {
  expect(error).toMatchObject({ outcome: 'unknown', retryable: false });
  proxy.heal();
  await eventually(async () => expect(await ids()).toHaveLength(1), { timeout: 5_000 });
  const [id] = await ids();
  expect(error).toMatchObject({ context: { id, shard: 'tx-1', phase: 'sent' } });
}

it('an insert whose reply is lost says which row it made', async () => {
  const dropped = proxy.dropReplyTo(/^insert/i);
  const error = await failureOf(transactions().insert({ account_id: account, cents: 2n }));
  await dropped.happened;
  expect(error).toBeInstanceOf(UnknownOutcomeError);
  await expectNamed(error);
});

it('an insert whose reply is late says which row it made', async () => {
  proxy.latency(200);
  const error = await failureOf(
    transactions().insert({ account_id: account, cents: 2n }, { timeoutMs: 100 }),
  );
  expect(error).toBeInstanceOf(TimeoutError);
  await expectNamed(error);
});

it('an insert whose caller leaves says which row it made', async () => {
  proxy.latency(200);
  const controller = new AbortController();
  const insert = failureOf(
    transactions().insert({ account_id: account, cents: 2n }, { signal: controller.signal }),
  );
  // The open connection is handed over and the statement sent within this turn of the loop.
  await new Promise((resolve) => setImmediate(resolve));
  controller.abort();
  const error = await insert;
  expect(error).toBeInstanceOf(AbortedError);
  await expectNamed(error);
});

it('an insert under a key names no row, for an earlier one may have made another: the key leads to it', async () => {
  const row = { account_id: account, cents: 2n };
  // The reply is lost, and nobody can be asked what became of it.
  proxy.refuse();
  const dropped = proxy.dropNextCommitReply();
  const error = await failureOf(
    transactions().insert(row, { idempotencyKey: 'lost', timeoutMs: 1_000 }),
  );
  await dropped.happened;
  expect(error).toMatchObject({ outcome: 'unknown', context: { shard: 'tx-1' } });
  expect(error).not.toHaveProperty('context.id');
  proxy.heal();
  const found = await eventually(() => transactions().insert(row, { idempotencyKey: 'lost' }), {
    timeout: 10_000,
  });
  expect(await ids()).toEqual([found.id]);
});
