import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { failureOf, TestCluster } from '../../support/cluster.ts';

const channel = tracingChannel<unknown, Record<string, unknown>>('meridian:call');
let cluster: TestCluster;
let data: Awaited<ReturnType<TestCluster['open']>>['data'];
let told: [step: string, message: Record<string, unknown>][] = [];
const tell = (step: string) => (message: Record<string, unknown>) =>
  void told.push([step, message]);
const listeners = {
  start: tell('start'),
  end: tell('end'),
  asyncStart: tell('asyncStart'),
  asyncEnd: tell('asyncEnd'),
  error: tell('error'),
};

beforeAll(async () => {
  cluster = await TestCluster.start();
  // Nobody else listens.
  ({ data } = await cluster.open({ observers: [] }));
});

afterEach(() => {
  channel.unsubscribe(listeners);
  told = [];
});

afterAll(() => cluster.stop());

it('tells the beginning and the end of a call, in one message', async () => {
  channel.subscribe(listeners);
  const { id } = await data.users.insert({ country: 'DE', name: 'x' });
  expect(told.map(([step]) => step)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
  const [[, message] = []] = told;
  expect(new Set(told.map(([, each]) => each)).size).toBe(1);
  expect(message).toEqual({
    operation: 'insert',
    table: 'users',
    call: expect.objectContaining({ type: 'call', outcome: 'done', shards: ['eu-1'], attempts: 1 }),
  });
  expect(JSON.stringify(message)).not.toContain(id);
});

it('tells what a call failed with', async () => {
  channel.subscribe(listeners);
  const failure = await failureOf(data.users.everywhere.query('DELETE FROM users'));
  expect(told.map(([step]) => step)).toContain('error');
  expect(told.at(-1)).toMatchObject([
    'asyncEnd',
    { error: failure, call: { code: expect.any(String) } },
  ]);
});

it('runs a call in the stores that are bound to its start, and its caller out of them', async () => {
  const store = new AsyncLocalStorage<string>();
  channel.start.bindStore(store, ({ operation }) => String(operation));
  try {
    let inside: string | undefined;
    const { id } = await data.users.insert({ country: 'DE', name: 'x' });
    await data.users.at(id).transaction(async () => {
      inside = store.getStore();
    });
    expect(inside).toBe('at.transaction');
    expect(store.getStore()).toBeUndefined();
  } finally {
    channel.start.unbindStore(store);
  }
});
