import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { openTelemetryObserver } from 'meridian/opentelemetry';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { accountOn, failureOf, TestCluster } from '../../support/cluster.ts';

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = provider.getTracer('test');
const contexts = new AsyncLocalStorageContextManager().enable();
const secret = 'a name that no span may hold';

let cluster: TestCluster;
let data: Awaited<ReturnType<TestCluster['open']>>['data'];

beforeAll(async () => {
  context.setGlobalContextManager(contexts);
  cluster = await TestCluster.start();
  ({ data } = await cluster.open({ observers: [openTelemetryObserver({ tracer })] }));
});

afterEach(() => exporter.reset());

afterAll(async () => {
  await cluster.stop();
  context.disable();
});

/** What a service does for one request, in a span of its own. */
async function request<T>(name: string, work: () => Promise<T>): Promise<T> {
  return tracer.startActiveSpan(name, async (span) => {
    try {
      const result = await work();
      expect(trace.getActiveSpan()).toBe(span);
      return result;
    } finally {
      span.end();
    }
  });
}

const idOf = (span: ReadableSpan) => span.spanContext().spanId;
const named = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);

/** The spans below one, as nested names, in the order in which they began. */
function below(span: ReadableSpan): unknown[] {
  const children = exporter
    .getFinishedSpans()
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === idOf(span))
    .sort((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1]);
  return children
    .filter(({ name }) => name !== 'queue')
    .map((child) => {
      const under = below(child);
      return under.length === 0 ? child.name : [child.name, ...under];
    });
}

function tree(root: string): unknown[] {
  const [span] = named(root);
  if (span === undefined) throw new Error(`there is a span ${root}`);
  return below(span);
}

describe('a call is one span, with its steps below', () => {
  it('of a read that no cache has', async () => {
    const { id } = await data.users.insert({ country: 'DE', name: secret });
    await request('page', () => data.users.get(id));
    expect(tree('page')).toEqual([['get users', 'cache', ['load', ['attempt', 'select']]]]);
    const [call] = named('get users');
    expect(call?.attributes).toEqual({
      'db.system.name': 'mysql',
      'db.operation.name': 'get',
      'db.collection.name': 'users',
      'meridian.shards': ['eu-1'],
      'meridian.attempts': 1,
      'meridian.retries': 0,
      'meridian.outcome': 'done',
    });
    const [statement] = named('select');
    expect(statement?.attributes).toEqual({
      'db.system.name': 'mysql',
      'db.operation.name': 'select',
    });
    // What memory answers has none.
    exporter.reset();
    await request('again', () => data.users.get(id));
    expect(tree('again')).toEqual([]);
  });

  it('of a transaction, in whose body the caller’s own spans lie below the attempt', async () => {
    const account = accountOn('tx-1', data.transactions);
    await request('booking', () =>
      data.transactions.at(account).transaction(async (trx) => {
        await trx.transactions.insert({ account_id: account, cents: 1n });
        tracer.startSpan('own').end();
      }),
    );
    expect(tree('booking')).toEqual([
      ['at.transaction transactions', ['attempt', 'begin', 'insert', 'own', 'commit']],
    ]);
  });

  it('of a stream', async () => {
    const at = data.transactions.at(accountOn('tx-1', data.transactions));
    await request('report', async () => {
      for await (const _ of at.stream('SELECT 1 UNION SELECT 2'))
        expect(trace.getActiveSpan()).toBeDefined();
    });
    expect(tree('report')).toEqual([['at.stream transactions', ['attempt', 'select']]]);
  });

  it('of a failure, with its code', async () => {
    const at = data.transactions.at(accountOn('tx-1', data.transactions));
    await request('bad', () => failureOf(at.query('SELECT nothing FROM transactions')));
    const [call] = named('at.query transactions');
    expect(call?.status.code).toBe(SpanStatusCode.ERROR);
    expect(call?.attributes).toMatchObject({
      'error.type': 'MERIDIAN_STATEMENT',
      'meridian.outcome': 'not-applied',
    });
  });
});

it('a batched read is linked from every caller’s trace, and each keeps its context', async () => {
  const account = accountOn('tx-2', data.transactions);
  const rows = await data.transactions.insertMany(
    [1n, 2n, 3n].map((cents) => ({ account_id: account, cents })),
  );
  exporter.reset();
  await Promise.all(
    rows.map(({ id }, at) => request(`reader ${at}`, () => data.transactions.get(id))),
  );
  const [batch, ...others] = named('batch');
  expect(others).toEqual([]);
  if (batch === undefined) throw new Error('there is a batch');
  expect(below(batch)).toEqual([['attempt', 'select']]);
  const calls = named('get transactions');
  expect(new Set(calls.map((call) => call.spanContext().traceId)).size).toBe(3);
  const reached = calls.map((call) =>
    batch.parentSpanContext?.spanId === idOf(call)
      ? 'above'
      : call.links.map((link) => link.context.spanId === idOf(batch)),
  );
  expect(reached).toEqual(['above', [true], [true]]);
  expect(batch.spanContext().traceId).toBe(calls[0]?.spanContext().traceId);
});

it('a load that several wait for is one, and linked', async () => {
  const { id } = await data.users.insert({ country: 'DE', name: secret });
  exporter.reset();
  await Promise.all([0, 1].map((at) => request(`reader ${at}`, () => data.users.get(id))));
  expect(named('load')).toHaveLength(1);
  expect(named('get users').flatMap(({ links }) => links)).toHaveLength(1);
});

it('no span holds a key, SQL or a row', async () => {
  const { id } = await data.users.insert({ country: 'DE', name: secret });
  await data.users.update(id, { name: 'other' });
  await data.users.everywhere.query('SELECT name FROM users');
  const texts = exporter
    .getFinishedSpans()
    .map(({ name, attributes, events, status }) =>
      JSON.stringify([name, attributes, events, status]),
    );
  expect(texts.length).toBeGreaterThan(5);
  for (const hidden of [id, secret, 'SELECT', '127.0.0.1']) {
    expect(texts.filter((text) => text.includes(hidden))).toEqual([]);
  }
});

it('what is not sampled has no steps, and two observers may not both follow calls', async () => {
  const none = trace.wrapSpanContext({
    traceId: '1'.repeat(32),
    spanId: '1'.repeat(16),
    traceFlags: 0,
  });
  await context.with(trace.setSpan(context.active(), none), () =>
    data.users.insert({ country: 'DE', name: 'x' }),
  );
  const both = [openTelemetryObserver({ tracer }), openTelemetryObserver({ tracer })];
  expect(await failureOf(cluster.open({ observers: both }))).toMatchObject({
    code: 'MERIDIAN_CONFIG',
    message: expect.stringContaining('two of them follow calls'),
  });
  expect(exporter.getFinishedSpans()).toEqual([]);
});
