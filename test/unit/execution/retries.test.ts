import { describe, expect, it } from 'vitest';
import { CircuitOpenError } from '../../../src/errors/call-error.ts';
import {
  RolledBackError,
  StatementError,
  UnavailableError,
  UnverifiedError,
} from '../../../src/errors/database-error.ts';
import { DriverFault } from '../../../src/errors/driver-fault.ts';
import { needsAnother, Retries } from '../../../src/execution/retries.ts';
import { CallMeter } from '../../../src/observability/call-meter.ts';
import type { MeridianEvent } from '../../../src/observability/events.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import { errorOf } from '../../support/calls.ts';
import { endpointOf } from '../../support/endpoints.ts';

const endpoint = endpointOf('primary');
/** What a new budget lends. */
const loan = 10;

function open() {
  const events: MeridianEvent[] = [];
  const config = { attempts: 3, baseMs: 1, maxMs: 2, budget: 0 };
  return { retries: new Retries(config, (event) => events.push(event)), events };
}

async function under<T>(work: (deadline: Deadline) => Promise<T>, timeoutMs = 10_000) {
  const meter = new CallMeter();
  const deadline = new Deadline(timeoutMs, undefined, 'default', meter);
  try {
    return await work(deadline);
  } finally {
    deadline.end();
  }
}

const lost = () =>
  new UnavailableError('lost', { cause: new DriverFault('lost', { phase: 'sent' }) });

describe('the pause before another attempt', () => {
  it('is told, and paid from the budget of the shard until that is spent', async () => {
    const { retries, events } = open();
    const pause = (error = lost()) =>
      under((deadline) => retries.pause({ error, endpoint, attempt: 1, deadline }, () => 0));
    for (let paid = 0; paid < loan; paid++) await pause();
    const error = lost();
    expect(await errorOf(pause(error))).toBe(error);
    expect(events.map(({ type }) => type)).toEqual([
      ...Array.from({ length: loan }, () => 'retry'),
      'retry-denied',
    ]);
  });

  it.each([
    ['an open breaker', new CircuitOpenError('open', { retryAfterMs: 1 })],
    ['an endpoint that was never verified', new UnverifiedError('unverified')],
  ])('costs nothing after %s: another endpoint is asked at once', async (_, error) => {
    const { retries, events } = open();
    const never = () => expect.unreachable();
    for (let asked = 0; asked <= loan; asked++) {
      await under((deadline) => retries.pause({ error, endpoint, attempt: 1, deadline }, never));
    }
    expect(events).toHaveLength(loan + 1);
    expect(events[0]).toMatchObject({ type: 'retry', delayMs: 0, code: error.code });
  });

  it('is not begun where no time would be left after it', async () => {
    const { retries, events } = open();
    const error = lost();
    const failed = under((deadline) =>
      retries.pause({ error, endpoint, attempt: 1, deadline }, () => 20_000),
    );
    expect(await errorOf(failed)).toBe(error);
    expect(events).toEqual([]);
  });

  it('hedges leave in the budget what retries may need', () => {
    const { retries } = open();
    expect(retries.allowsHedge('one')).toBe(false);
    expect(retries.allows('one')).toBe(true);
  });
});

it('says what only another endpoint can do by class, whatever an error has for context', () => {
  expect(needsAnother(new CircuitOpenError('open', { retryAfterMs: 1 }))).toBe(true);
  expect(needsAnother(new UnverifiedError('unverified'))).toBe(true);
  expect(needsAnother(new UnavailableError('down', { context: { verified: false } }))).toBe(false);
});

describe('a whole transaction', () => {
  const rerun = (retries: Retries, times: number, attempt: () => Promise<string>) =>
    under((deadline) => retries.rerun(endpoint, times, deadline, attempt));

  it('runs again when the database rolled it back, as often as its caller says', async () => {
    const { retries, events } = open();
    let runs = 0;
    const deadlock = new RolledBackError('deadlock');
    const attempt = async () => {
      if (++runs < 3) throw deadlock;
      return 'done';
    };
    expect(await rerun(retries, 2, attempt)).toBe('done');
    runs = 0;
    expect(await errorOf(rerun(retries, 1, attempt))).toBe(deadlock);
    expect(events.map((event) => event.type === 'retry' && event.attempt)).toEqual([1, 2, 1]);
  });

  it('also when its body wrapped the rollback in an error of its own', async () => {
    let runs = 0;
    const done = rerun(open().retries, 1, async () => {
      if (++runs === 1) throw new Error('mine', { cause: new RolledBackError('deadlock') });
      return 'done';
    });
    expect(await done).toBe('done');
  });

  it.each([
    ['a KILL, which would come again', new RolledBackError('killed', { retryable: false })],
    ['an error that rolled nothing back', new StatementError('bad')],
  ])('does not after %s', async (_, error) => {
    let runs = 0;
    const attempt = async () => {
      runs++;
      throw error;
    };
    expect(await errorOf(rerun(open().retries, 5, attempt))).toBe(error);
    expect(runs).toBe(1);
  });
});
