import { describe, expect, it } from 'vitest';
import { AbortedError, CircuitOpenError, OverloadError } from '../../../src/errors/call-error.ts';
import { UnavailableError } from '../../../src/errors/database-error.ts';
import { DriverFault } from '../../../src/errors/driver-fault.ts';
import { ReplicaReads } from '../../../src/execution/replica-reads.ts';
import { Retries } from '../../../src/execution/retries.ts';
import type { MeridianEvent } from '../../../src/observability/events.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import type { Endpoint } from '../../../src/topology/topology.ts';
import { errorOf, held } from '../../support/calls.ts';
import { endpointOf } from '../../support/endpoints.ts';

const [a, b, primary] = [endpointOf('replica-1'), endpointOf('replica-2'), endpointOf('primary')];
const route = [a, b, primary];
const down = new UnavailableError('down', {
  cause: new DriverFault('down', { phase: 'connecting', code: 'ECONNREFUSED' }),
});

function open(isHedging = false) {
  const events: MeridianEvent[] = [];
  const observe = (event: MeridianEvent) => void events.push(event);
  const retries = new Retries({ attempts: 3, baseMs: 1, maxMs: 2, budget: 1 }, observe);
  for (let call = 0; call < 50; call++) retries.began('one');
  return { reads: new ReplicaReads(retries, isHedging, observe), events };
}

async function read<T>(
  reads: ReplicaReads,
  ask: (endpoints: readonly Endpoint[], isRepeat: boolean) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = new Deadline(10_000, signal);
  try {
    return await reads.read(route, deadline, (endpoints, _, asked) =>
      ask(endpoints, asked?.isRepeat ?? false),
    );
  } finally {
    deadline.end();
  }
}

const namesOf = (endpoints: readonly Endpoint[]) => endpoints.map(({ name }) => name);

describe('the order in which endpoints are asked', () => {
  it('has those last that fail again and again, and is the route itself otherwise', async () => {
    const { reads, events } = open();
    await read(reads, async () => 'known');
    for (let failure = 0; failure < 5; failure++) reads.record(a, 1, down);
    expect(namesOf(await read(reads, async (endpoints) => endpoints))).toEqual([
      'replica-2',
      'primary',
      'replica-1',
    ]);
    expect(events).toMatchObject([{ type: 'ejected', endpoint: 'replica-1', because: 'failures' }]);
  });

  it.each([
    ['its caller left', new AbortedError('left')],
    ['its breaker was open', new CircuitOpenError('open', { retryAfterMs: 1 })],
    ['there was no room on this side', new OverloadError('full')],
  ])('does not change because %s', async (_, error) => {
    const { reads } = open();
    await read(reads, async () => 'known');
    for (let failure = 0; failure < 20; failure++) reads.record(a, 1, error);
    expect(reads.inOrder(route)).toBe(route);
  });
});

describe('a hedge', () => {
  it('asks the others first, and the first answer is the answer', async () => {
    const { reads, events } = open(true);
    const slow = held();
    const orders: string[][] = [];
    const answer = await read(reads, async (endpoints, isRepeat) => {
      orders.push(namesOf(endpoints));
      return isRepeat ? 'second' : slow.work();
    });
    slow.resolve('first');
    expect(answer).toBe('second');
    expect(orders).toEqual([
      ['replica-1', 'replica-2', 'primary'],
      ['replica-2', 'primary', 'replica-1'],
    ]);
    expect(events).toMatchObject([{ type: 'hedge', shard: 'one' }]);
  });

  it('that fails leaves the word to the first, and the other way round', async () => {
    for (const failing of [true, false]) {
      const { reads } = open(true);
      const first = held();
      const answer = read(reads, async (_, isRepeat) => {
        if (!isRepeat) return first.work();
        if (failing) {
          queueMicrotask(() => first.resolve('first'));
          throw down;
        }
        first.reject(down);
        return 'second';
      });
      expect(await answer).toBe(failing ? 'first' : 'second');
    }
  });

  it('is over with its caller, who does not wait for either', async () => {
    const { reads } = open(true);
    const ending = new AbortController();
    const answer = read(
      reads,
      async (_, isRepeat) => {
        if (isRepeat) ending.abort();
        return held().work();
      },
      ending.signal,
    );
    expect(await errorOf(answer)).toBeInstanceOf(AbortedError);
  });
});
