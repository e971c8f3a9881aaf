import { describe, expect, it } from 'vitest';
import { type PointRead, ReadBatcher } from '../../../src/execution/read-batcher.ts';
import type { RawRow, SqlValue, Statement, StatementResult } from '../../../src/mysql/sql/sql.ts';
import { CallMeter } from '../../../src/observability/call-meter.ts';
import type { Priority } from '../../../src/resilience/admission/priority.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { errorOf, held, settled } from '../../support/calls.ts';
import { endpointOf } from '../../support/endpoints.ts';

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
  return { batcher: new ReadBatcher(source, executor, () => {}), sent };
}

function readOf(key: string, deadline: Deadline, lane = 'one'): PointRead {
  return { lane, endpoints: [endpointOf('primary')], shard: 'one', key, param: key, deadline };
}

const fresh = (priority: Priority = 'default', signal?: AbortSignal, meter?: CallMeter) =>
  new Deadline(Number.POSITIVE_INFINITY, signal, priority, meter);

describe('reads of one tick', () => {
  it('leave as one statement, and each has its own row or none', async () => {
    const { batcher, sent } = open();
    const answers = ['a', 'absent', 'b', 'a'].map((key) => batcher.read(readOf(key, fresh())));
    expect(sent).toEqual([]);
    expect(await Promise.all(answers)).toEqual([{ id: 'a' }, null, { id: 'b' }, { id: 'a' }]);
    expect(sent.map(({ params }) => params)).toEqual([['a', 'absent', 'b']]);
  });

  it('of two lanes leave by themselves', async () => {
    const { batcher, sent } = open();
    await Promise.all(['one', 'two'].map((lane) => batcher.read(readOf('a', fresh(), lane))));
    expect(sent).toHaveLength(2);
  });

  it('travel alone where SQL may call different keys equal', async () => {
    const { batcher, sent } = open(undefined, 1);
    await Promise.all(['a', 'A'].map((key) => batcher.read(readOf(key, fresh()))));
    expect(sent.map(({ params }) => params)).toEqual([['a'], ['A']]);
  });

  it('matter as much as the most important of them', async () => {
    const { batcher, sent } = open();
    const priorities = ['sheddable', 'critical', 'default'] as const;
    await Promise.all(priorities.map((one, key) => batcher.read(readOf(`${key}`, fresh(one)))));
    expect(sent.map(({ deadline }) => deadline.priority)).toEqual(['critical']);
  });

  it('fail together, each with the same error', async () => {
    const failure = new Error('down');
    const { batcher } = open(() => Promise.reject(failure));
    const answers = ['a', 'b'].map((key) => errorOf(batcher.read(readOf(key, fresh()))));
    expect(await Promise.all(answers)).toEqual([failure, failure]);
  });
});

describe('a caller who leaves', () => {
  it('leaves the others their rows', async () => {
    const answer = held<StatementResult>();
    const { batcher, sent } = open(answer.work);
    const ending = new AbortController();
    const left = errorOf(batcher.read(readOf('a', fresh('default', ending.signal))));
    const stays = batcher.read(readOf('b', fresh()));
    await settled();
    ending.abort();
    expect(await left).toMatchObject({ code: 'MERIDIAN_ABORTED' });
    expect(sent[0]?.deadline.reason).toBeUndefined();
    answer.resolve(rows(['a', 'b']));
    expect(await stays).toEqual({ id: 'b' });
  });

  it('ends the statement when it was the last', async () => {
    const { batcher, sent } = open(held<StatementResult>().work);
    const ending = new AbortController();
    const left = ['a', 'b'].map((key) =>
      errorOf(batcher.read(readOf(key, fresh('default', ending.signal)))),
    );
    await settled();
    ending.abort();
    await Promise.all(left);
    expect(sent[0]?.deadline.reason).toMatchObject({ code: 'MERIDIAN_ABORTED' });
  });
});

it('every caller of a batch is charged with what it cost', async () => {
  const meters = [new CallMeter(), new CallMeter()];
  const { batcher } = open(async ({ params, deadline }) => {
    deadline.meter?.attempted('one');
    return rows(params);
  });
  await Promise.all(
    meters.map((meter, key) => batcher.read(readOf(`${key}`, fresh('default', undefined, meter)))),
  );
  for (const { attempts, shards } of meters)
    expect({ attempts, shards }).toEqual({ attempts: 1, shards: ['one'] });
});
