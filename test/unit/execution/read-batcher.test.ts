import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SingleFlight } from '../../../src/cache/loads/single-flight.ts';
import { TimeoutError } from '../../../src/errors/call-error.ts';
import {
  RolledBackError,
  StatementError,
  UnavailableError,
} from '../../../src/errors/database-error.ts';
import { type PointRead, ReadBatcher } from '../../../src/execution/batches/read-batcher.ts';
import type { RawRow, SqlValue, Statement, StatementResult } from '../../../src/mysql/sql/sql.ts';
import { CallMeter } from '../../../src/observability/call-meter.ts';
import type { Priority } from '../../../src/resilience/admission/priority.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { errorOf, held, settled } from '../../support/calls.ts';
import { endpointOf } from '../../support/endpoints.ts';
import { lonelyShard } from '../../support/topologies.ts';

const rows = (keys: readonly SqlValue[]): StatementResult => ({
  rows: keys.filter((key) => key !== 'absent').map((id) => ({ id })),
  columns: [],
  affected: 0,
  insertId: undefined,
  isCounted: false,
  gtid: undefined,
});

interface Sent {
  readonly params: readonly SqlValue[];
  readonly deadline: Deadline;
}

/** A server that answers what it is asked for, unless the test says what it does. */
function open(answer?: (sent: Sent) => Promise<StatementResult>, keysPerStatement = 100) {
  const sent: Sent[] = [];
  const executor = {
    runStatement(_: unknown, { params }: Statement, __: unknown, deadline: Deadline) {
      const one = { params, deadline };
      sent.push(one);
      return answer?.(one) ?? Promise.resolve(rows(params));
    },
  };
  const source = {
    table: 't',
    selectByKeys: (keys: readonly SqlValue[]): Statement => ({ sql: 'SELECT', params: keys }),
    keyOf: ({ id }: RawRow) => String(id),
    keysPerStatement,
  };
  const batcher = new ReadBatcher(source, executor, () => {});
  const read = (key: string, deadline = fresh(), lane = 'one', of = shard) =>
    batcher.read({ identity: key, param: key }, place(deadline, lane, of));
  const readMany = (keys: readonly string[], deadline = fresh()) =>
    batcher.readMany(
      keys.map((key) => ({ identity: key, param: key })),
      place(deadline, 'one'),
    );
  return { read, readMany, sent, asked: () => sent.map(({ params }) => params) };
}

/** A server whose answers the test gives, in any order. */
function openHeld(keysPerStatement?: number) {
  const answers: ReturnType<typeof held<StatementResult>>[] = [];
  const opened = open(() => {
    const answer = held<StatementResult>();
    answers.push(answer);
    return answer.work();
  }, keysPerStatement);
  const answer = async (at: number) => {
    answers[at]?.resolve(rows(opened.sent[at]?.params ?? []));
    await settled();
  };
  return { ...opened, answers, answer };
}

const shard = lonelyShard('one');

function place(deadline: Deadline, lane: string, of = shard): PointRead {
  return { lane, endpoints: [endpointOf('primary')], shard: of, deadline };
}

const fresh = (priority: Priority = 'default', signal?: AbortSignal, meter?: CallMeter) =>
  new Deadline(Number.POSITIVE_INFINITY, signal, priority, meter);

describe('reads of one tick', () => {
  it('leave as one statement, and each has its own row or none', async () => {
    const { read, sent, asked } = open();
    const answers = ['a', 'absent', 'b', 'a'].map((key) => read(key));
    expect(sent).toEqual([]);
    expect(await Promise.all(answers)).toEqual([{ id: 'a' }, null, { id: 'b' }, { id: 'a' }]);
    expect(asked()).toEqual([['a', 'absent', 'b']]);
  });

  it('of a shard in two snapshots leave by themselves', async () => {
    const { read, sent } = open();
    await Promise.all([shard, lonelyShard('one')].map((of) => read('a', fresh(), 'one', of)));
    expect(sent).toHaveLength(2);
  });

  it('of two lanes leave by themselves', async () => {
    const { read, sent } = open();
    await Promise.all(['one', 'two'].map((lane) => read('a', fresh(), lane)));
    expect(sent).toHaveLength(2);
  });

  it('travel alone where SQL may call different keys equal', async () => {
    const { read, asked } = open(undefined, 1);
    await Promise.all(['a', 'A'].map((key) => read(key)));
    expect(asked()).toEqual([['a'], ['A']]);
  });

  it('matter as much as the most important of them', async () => {
    const { read, sent } = open();
    const priorities = ['sheddable', 'critical', 'default'] as const;
    await Promise.all(priorities.map((one, key) => read(`${key}`, fresh(one))));
    expect(sent.map(({ deadline }) => deadline.priority)).toEqual(['critical']);
  });

  it('fail together, each with the same error', async () => {
    const failure = new Error('down');
    const { read } = open(() => Promise.reject(failure));
    const answers = ['a', 'b'].map((key) => errorOf(read(key)));
    expect(await Promise.all(answers)).toEqual([failure, failure]);
  });
});

describe('reads behind others', () => {
  // However slow the machine is, no statement is taken for stuck.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gather while as many statements run as may, and leave as one when one comes back', async () => {
    const { read, asked, answer } = openHeld();
    for (const key of ['a', 'b']) {
      void read(key);
      await settled();
    }
    const behind = [read('c')];
    await settled();
    behind.push(read('d'));
    await settled();
    expect(asked()).toEqual([['a'], ['b']]);
    await answer(1);
    expect(asked()).toEqual([['a'], ['b'], ['c', 'd']]);
    await answer(2);
    expect(await Promise.all(behind)).toEqual([{ id: 'c' }, { id: 'd' }]);
  });

  it('take along what is asked for in the tick of the answer', async () => {
    const { read, asked, answer } = openHeld();
    const first = read('a').then(() => read('again'));
    await settled();
    void read('b');
    await settled();
    void read('c');
    await answer(0);
    expect(asked()).toEqual([['a'], ['b'], ['c', 'again']]);
    await answer(2);
    expect(await first).toEqual({ id: 'again' });
  });

  it('leave when they fill a statement', async () => {
    const { read, asked } = openHeld(3);
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      void read(key);
      await settled();
    }
    expect(asked()).toEqual([['a'], ['b'], ['c', 'd', 'e']]);
  });

  it('do not wait for a statement that is stuck', async () => {
    vi.useRealTimers();
    const { read, asked, answer } = openHeld();
    for (const key of ['stuck', 'too']) {
      void read(key);
      await settled();
    }
    const behind = read('c');
    await expect.poll(asked).toEqual([['stuck'], ['too'], ['c']]);
    await answer(2);
    expect(await behind).toEqual({ id: 'c' });
    // It does not count any more: the next one does not wait at all.
    void read('d');
    await settled();
    expect(asked().at(-1)).toEqual(['d']);
  });

  it('do not wait when their time is short', async () => {
    const { read, asked } = openHeld();
    for (const key of ['a', 'b', 'c']) {
      void read(key);
      await settled();
    }
    const hasty = new Deadline(8);
    void errorOf(read('d', hasty));
    await settled();
    expect(asked()).toEqual([['a'], ['b'], ['c', 'd']]);
    hasty.end();
  });

  it('do not wait either when one of those who wait for a load has little time', async () => {
    const { read, asked } = openHeld();
    for (const key of ['a', 'b', 'c']) {
      void read(key);
      await settled();
    }
    const hasty = new Deadline(8);
    const flight = new SingleFlight(hasty);
    void read('d', flight.deadline);
    await settled();
    expect(asked()).toEqual([['a'], ['b'], ['c', 'd']]);
    hasty.end();
  });

  it('wait for the halves of a batch that is sent again, which take their places in the lane', async () => {
    const { read, answers, answer, asked } = openHeld();
    const some = ['a', 'b', 'c'].map((key) => read(key));
    await settled();
    void read('other');
    await settled();
    answers[0]?.reject(new RolledBackError('cancelled', { retryable: false }));
    await settled();
    void read('behind');
    await settled();
    expect(asked()).toEqual([['a', 'b', 'c'], ['other'], ['a', 'b'], ['c']]);
    await answer(1);
    expect(asked()).toHaveLength(4);
    await answer(2);
    expect(asked().at(-1)).toEqual(['behind']);
    await answer(3);
    expect(await Promise.all(some)).toEqual([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
  });

  it('run in the context of one of their callers', async () => {
    const storage = new AsyncLocalStorage<string>();
    const contexts: (string | undefined)[] = [];
    const { read, answer, answers } = openHeld();
    for (const key of ['a', 'b']) {
      storage.run(key, () => void read(key));
      await settled();
    }
    const seen = storage.run('c', async () => {
      await read('c');
      return storage.getStore();
    });
    const pushed = Array.prototype.push.bind(answers);
    answers.push = (...more) => {
      contexts.push(storage.getStore());
      return pushed(...more);
    };
    await storage.run('whoever', () => answer(0));
    expect(contexts).toEqual(['c']);
    await answer(2);
    expect(await seen).toBe('c');
  });
});

describe('the keys of one call', () => {
  it('travel with the reads of others, and full statements by themselves', async () => {
    const { read, readMany, asked } = open(undefined, 3);
    const one = read('x');
    const chunks = readMany(['a', 'b', 'c', 'd']);
    expect(chunks.map(({ keys }) => keys.map(({ identity }) => identity))).toEqual([
      ['a', 'b', 'c'],
      ['d'],
    ]);
    const found = await Promise.all(chunks.map(({ rows: some }) => some));
    expect(found.map((some, at) => some.get(at === 0 ? 'b' : 'd'))).toEqual([
      { id: 'b' },
      { id: 'd' },
    ]);
    expect(await one).toEqual({ id: 'x' });
    expect(asked()).toEqual([
      ['a', 'b', 'c'],
      ['x', 'd'],
    ]);
  });

  it('do not make more of a statement than it may hold', async () => {
    const { read, readMany, asked } = open(undefined, 3);
    const reads = [read('x'), read('y')];
    const [chunk] = readMany(['a', 'b']);
    await Promise.all([...reads, chunk?.rows]);
    expect(asked()).toEqual([
      ['x', 'y'],
      ['a', 'b'],
    ]);
  });
});

describe('a batch that is refused', () => {
  const refusing = (keys: readonly string[], failure: Error) =>
    open(({ params }) =>
      params.some((param) => keys.includes(String(param)))
        ? Promise.reject(failure)
        : Promise.resolve(rows(params)),
    );

  it('is sent in halves, so that each caller gets what it would alone', async () => {
    const { read, asked } = refusing(['bad'], new StatementError('refused'));
    const keys = ['a', 'b', 'bad', 'c', 'd'];
    const answers = await Promise.all(keys.map((key) => read(key).catch((error) => error)));
    expect(answers).toEqual([
      { id: 'a' },
      { id: 'b' },
      expect.any(StatementError),
      { id: 'c' },
      { id: 'd' },
    ]);
    expect(asked()).toContainEqual(['bad']);
  });

  it('for the key of a caller who has left is sent again for who stays', async () => {
    const { read, answers, answer, asked } = openHeld();
    const ending = new AbortController();
    const left = errorOf(read('bad', fresh('default', ending.signal)));
    const stays = read('a');
    await settled();
    ending.abort();
    await left;
    answers[0]?.reject(new StatementError('refused'));
    await settled();
    await answer(1);
    expect(await stays).toEqual({ id: 'a' });
    expect(asked()).toEqual([['bad', 'a'], ['a']]);
  });

  it('because its time was over tells each caller of its own', async () => {
    const { read } = open(({ deadline }) => {
      // As its timer may do that is set after theirs and rounded.
      deadline.cancel(new TimeoutError('The deadline of 39.2 ms passed.'));
      return Promise.reject(deadline.reason);
    });
    const told = await Promise.all([30, 40].map((ms) => errorOf(read(`${ms}`, new Deadline(ms)))));
    expect(told.map((error) => error instanceof TimeoutError && error.context)).toEqual([
      { timeoutMs: 30 },
      { timeoutMs: 40 },
    ]);
  });

  it('because of its server is not', async () => {
    const { read, sent } = refusing(['bad'], new UnavailableError('down', { retryable: true }));
    const answers = ['a', 'bad'].map((key) => errorOf(read(key)));
    expect(await Promise.all(answers)).toEqual([
      expect.any(UnavailableError),
      expect.any(UnavailableError),
    ]);
    expect(sent).toHaveLength(1);
  });
});

describe('a caller who leaves', () => {
  it('leaves the others their rows', async () => {
    const { read, sent, answer } = openHeld();
    const ending = new AbortController();
    const left = errorOf(read('a', fresh('default', ending.signal)));
    const stays = read('b');
    await settled();
    ending.abort();
    expect(await left).toMatchObject({ code: 'MERIDIAN_ABORTED' });
    expect(sent[0]?.deadline.reason).toBeUndefined();
    await answer(0);
    expect(await stays).toEqual({ id: 'b' });
  });

  it('ends the statement when it was the last', async () => {
    const { read, sent } = openHeld();
    const ending = new AbortController();
    const left = ['a', 'b'].map((key) => errorOf(read(key, fresh('default', ending.signal))));
    await settled();
    ending.abort();
    await Promise.all(left);
    expect(sent[0]?.deadline.reason).toMatchObject({ code: 'MERIDIAN_ABORTED' });
  });

  it('before it left takes its key along', async () => {
    const { read, asked } = open();
    const ending = new AbortController();
    const left = errorOf(read('a', fresh('default', ending.signal)));
    const stays = read('b');
    ending.abort();
    expect(await left).toMatchObject({ code: 'MERIDIAN_ABORTED' });
    expect(await stays).toEqual({ id: 'b' });
    expect(asked()).toEqual([['b']]);
  });
});

it('every caller of a batch is charged with what it cost', async () => {
  const meters = [new CallMeter(), new CallMeter()];
  const { read } = open(async ({ params, deadline }) => {
    deadline.meter?.attempted('one');
    return rows(params);
  });
  await Promise.all(meters.map((meter, key) => read(`${key}`, fresh('default', undefined, meter))));
  for (const { attempts, shards } of meters)
    expect({ attempts, shards }).toEqual({ attempts: 1, shards: ['one'] });
});
