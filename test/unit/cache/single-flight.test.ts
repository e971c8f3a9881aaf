import { expect, it } from 'vitest';
import { SingleFlight } from '../../../src/cache/loads/single-flight.ts';
import { CallMeter } from '../../../src/observability/call-meter.ts';
import type { Trace } from '../../../src/observability/trace.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { held } from '../../support/calls.ts';

const never = (meter?: CallMeter) =>
  new Deadline(Number.POSITIVE_INFINITY, undefined, 'default', meter);

it('who joins a load is charged with it, though who began it is not', async () => {
  const flight = new SingleFlight(never());
  const work = held<number>();
  const answer = work.work();
  const first = flight.join(answer, never());
  flight.deadline.meter?.attempted('one');
  const meter = new CallMeter();
  const second = flight.join(answer, never(meter));
  flight.deadline.meter?.attempted('two');
  work.resolve(1);
  expect(await Promise.all([first, second])).toEqual([1, 1]);
  expect({ attempts: meter.attempts, shards: meter.shards }).toEqual({
    attempts: 2,
    shards: ['one', 'two'],
  });
});

it('a load that failed says so where it is followed', async () => {
  const ends: boolean[] = [];
  const trace: Trace = {
    run: (work) => work(),
    step: () => trace,
    link: () => {},
    end: ({ failed }) => void ends.push(failed),
    endCall: () => {},
  };
  const flight = new SingleFlight();
  await flight.join(Promise.resolve(1), never(new CallMeter(undefined, trace)));
  expect(flight.deadline.meter?.trace).toBe(trace);
  flight.fail();
  flight.end();
  expect(ends).toEqual([true]);
});
