import { describe, expect, it } from 'vitest';
import { AbortedError, ClosedError } from '../../../src/errors/call-error.ts';
import { UnknownOutcomeError } from '../../../src/errors/database-error.ts';
import { CallGate } from '../../../src/execution/call-gate.ts';
import type { CallEvent } from '../../../src/observability/call-event.ts';
import type { MeridianEvent, Observer } from '../../../src/observability/events.ts';
import type { Deadline } from '../../../src/resilience/time/deadline.ts';
import { errorOf, held } from '../../support/calls.ts';
import { oneShard } from '../../support/topologies.ts';

function open() {
  const calls: CallEvent[] = [];
  const observe = (event: MeridianEvent) => {
    if (event.type === 'call') calls.push(event);
  };
  return {
    gate: new CallGate(oneShard(), 5_000, new Set(['timeoutMs', 'signal']), observe),
    calls,
  };
}

const deadlineOf = (gate: CallGate, timeoutMs?: number) =>
  gate.run('get', 't', timeoutMs === undefined ? {} : { timeoutMs }, async (deadline) => deadline);

it('a call has the time that it names, or that of the data layer', async () => {
  const { gate } = open();
  expect((await deadlineOf(gate)).timeoutMs).toBe(5_000);
  expect((await deadlineOf(gate, 7)).timeoutMs).toBe(7);
});

it('an option that nobody knows is refused before anything is done', async () => {
  const { gate, calls } = open();
  const work = held();
  const failure = gate.run('get', 't', Object.fromEntries([['timeoutMS', 1]]), work.work);
  expect(await errorOf(failure)).toMatchObject({ problems: [{ path: 'timeoutMS' }] });
  expect(work.calls).toBe(0);
  expect(calls).toMatchObject([{ outcome: 'not-applied', code: 'MERIDIAN_CONFIG' }]);
});

describe('what is told of a call', () => {
  it('is one event, with what was tried and how it ended', async () => {
    const { gate, calls } = open();
    const work = async ({ meter }: Deadline) => {
      meter?.attempted('one');
      meter?.retried();
      meter?.attempted('two');
      throw new UnknownOutcomeError('lost');
    };
    await errorOf(gate.run('update', 't', undefined, work));
    expect(calls).toMatchObject([
      {
        operation: 'update',
        table: 't',
        shards: ['one', 'two'],
        attempts: 2,
        retries: 1,
        outcome: 'unknown',
        code: 'MERIDIAN_UNKNOWN_OUTCOME',
      },
    ]);
  });

  it('is there before its caller goes on, of a stream when its reader leaves', async () => {
    const { gate, calls } = open();
    await gate.run('get', 't', undefined, async () => 1);
    expect(calls).toHaveLength(1);
    const rows = gate.stream('at.stream', 't', {}, async function* () {
      yield 1;
      yield 2;
    });
    await rows.next();
    expect(calls).toHaveLength(1);
    await rows.return();
    expect(calls).toMatchObject([{}, { operation: 'at.stream', outcome: 'done' }]);
  });

  it('is there once its time is over, of a stream whose reader never comes back', async () => {
    const { gate, calls } = open();
    const ending = new AbortController();
    const rows = gate.stream('at.stream', 't', { signal: ending.signal }, async function* () {
      yield 1;
      yield 2;
    });
    await rows.next();
    ending.abort();
    expect(gate.running()).toMatchObject({ stream: 0 });
    expect(calls).toMatchObject([{ operation: 'at.stream', code: 'MERIDIAN_ABORTED' }]);
    await rows.return();
    expect(calls).toHaveLength(1);
  });

  it('is what its reader is told, of a stream that is being read', async () => {
    const { gate, calls } = open();
    const ending = new AbortController();
    const rows = gate.stream('at.stream', 't', { signal: ending.signal }, async function* (call) {
      yield await call.race(held<number>().work());
    });
    const told = errorOf(rows.next());
    ending.abort();
    expect(calls).toEqual([]);
    expect(await told).toBeInstanceOf(AbortedError);
    expect(calls).toMatchObject([{ code: 'MERIDIAN_ABORTED' }]);
  });

  it('is measured for nobody where nobody wants it', async () => {
    const observe: Observer = Object.assign(() => expect.unreachable(), { wants: () => false });
    const gate = new CallGate(oneShard(), 5_000, new Set(['timeoutMs']), observe);
    expect((await deadlineOf(gate)).meter).toBeUndefined();
    gate.memoryReads('get', 't').add();
  });
});

describe('closing', () => {
  it('admits nothing more, and waits for what is under way', async () => {
    const { gate } = open();
    const work = held();
    const running = gate.run('insert', 't', undefined, work.work);
    const drained = gate.drain(5_000);
    expect(await errorOf(deadlineOf(gate))).toBeInstanceOf(ClosedError);
    work.resolve('done');
    expect(await drained).toMatchObject({ drained: 1, cut: 0 });
    expect(await running).toBe('done');
  });

  it('cuts off what takes too long, and says what it was for', async () => {
    const { gate } = open();
    const until = (deadline: Deadline) => deadline.race(held().work());
    const running = [
      gate.run('get', 't', undefined, until),
      gate.run('at.transaction', 't', undefined, until),
      gate.run('directory.sweep', undefined, undefined, until),
    ].map(errorOf);
    expect(await gate.drain(1)).toMatchObject({
      drained: 0,
      cut: 3,
      cutByKind: { read: 1, write: 0, transaction: 1, stream: 0, upkeep: 1 },
    });
    for (const error of await Promise.all(running)) expect(error).toBeInstanceOf(AbortedError);
  });
});
